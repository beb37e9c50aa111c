// What a module says to the code generator outside of its functions.
#pragma once

#include <string>
#include <string_view>

#include "core/support/status.h"

namespace llvm {
class Module;
}

namespace compiler_gym {

/// The module flags - PIC and PIE level, frame pointers, unwind tables, control flow protection, code
/// model, width of wchar_t and so on - and what goes to the linker, as bitcode of a module with nothing
/// else; empty if there is nothing. A session's module has none of it: see parse_program().
/// What refers to values of the module is left out.
[[nodiscard]] std::string code_generation_metadata(llvm::Module& module);

/// Puts that into a module that has none. Empty: does nothing. INTERNAL if it can't be parsed.
[[nodiscard]] grpc::Status add_code_generation_metadata(llvm::Module& module,
                                                        std::string_view metadata);

/// Takes all named metadata out of a module, these and others.
void erase_named_metadata(llvm::Module& module);

}  // namespace compiler_gym

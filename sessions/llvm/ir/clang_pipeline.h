// The passes that clang runs.
#pragma once

#include <optional>
#include <string_view>

#include "core/support/status.h"
#include "sessions/llvm/ir/size_attributes.h"

namespace llvm {
class Module;
class TargetMachine;
}  // namespace llvm

namespace compiler_gym {

/// Levels of clang whose code generator is one and the same.
enum class ClangLevel { kO2, kOs, kOz };

/// By its name, `-O2`, `-Os` or `-Oz`.
[[nodiscard]] std::optional<ClangLevel> find_clang_level(std::string_view name);
[[nodiscard]] std::string_view name_of(ClangLevel level);

/// What clang of that level makes functions carry.
[[nodiscard]] SizeAttributes size_attributes_of(ClangLevel level);

/// Runs what `clang -O<level> -c` runs before it generates code, which is not always what `opt
/// -passes='default<O...>'` does: at -Oz clang has the SLP vectoriser besides. The attributes of the
/// functions stay what they are. The passes know of `metadata`, see code_generation_metadata(); the
/// module has no named metadata before nor after.
/// Machine: as for PassRunner.
/// Crash:   is the caller's business, see llvm_call.h.
/// Errors:  those of add_code_generation_metadata(), with the module as it was.
[[nodiscard]] grpc::Status run_clang_pipeline(llvm::Module& module, llvm::TargetMachine* machine,
                                              ClangLevel level, std::string_view metadata);

}  // namespace compiler_gym

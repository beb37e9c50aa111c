// What the code of a program takes, in bytes.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

class TargetMachines;

/// Compiles bitcode into memory as `clang -c -O0 -xir` does, or, with machines that optimise, as `clang
/// -c -Oz -Xclang -disable-llvm-passes -xir` does after `opt -passes='default<O0>'`, and returns what
/// elf_text_size() says of the object file. `metadata` is what the module lacks: see
/// code_generation_metadata(). Works on a copy in a context of its own, so the caller's module is not
/// touched, nor lost if the code generator crashes.
/// Errors: INVALID_ARGUMENT `Failed to compute .text size cost: ...`; clients look for this text.
///         RESOURCE_EXHAUSTED if there is no memory left, and see refuse_after_losses(): each crash
///         may leak a hundred megabytes.
[[nodiscard]] Result<std::int64_t> object_text_size(std::string_view bitcode,
                                                    TargetMachines& machines,
                                                    const std::stop_token& stop_token = {},
                                                    std::string_view metadata = {});

/// The first column that `llvm-size` prints for an object file or an executable: the bytes of the
/// sections that are loaded, and are executable or read-only.
/// Errors: as above, if this is not a 64-bit little-endian ELF file.
[[nodiscard]] Result<std::int64_t> elf_text_size(std::string_view file);

}  // namespace compiler_gym

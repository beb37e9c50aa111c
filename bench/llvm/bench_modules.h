// The modules that the LLVM service is measured on.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

enum class ModuleSize { kSmall, kMedium, kLarge };
inline constexpr std::array kModuleSizes{ModuleSize::kSmall, ModuleSize::kMedium,
                                         ModuleSize::kLarge};

[[nodiscard]] std::string_view name_of(ModuleSize size);

/// Bitcode as a client would send it, the same at every call: a program with a main().
///   small   8 KB    CompilerGym's crc32
///   medium  100 KB  13 of programs linked, all of them and some twice
///   large   3 MB    384 of them, each many times over
/// Throws std::runtime_error if the build has not made the programs.
[[nodiscard]] std::string bench_module(ModuleSize size);

/// Links the programs into one; a program may be among them more than once. What each defines gets a
/// name of its own, but for the first one's.
/// Errors: INVALID_ARGUMENT with LLVM's text if a program is not bitcode or they don't fit.
[[nodiscard]] Result<std::string> link_programs(std::span<const std::string> programs);

}  // namespace compiler_gym

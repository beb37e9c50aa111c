// The session parameters that change the module.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

class OptimisedModule;

/// Does what a parameter asks for, and replies `1` if that changed the module, else `0`; leaves `reply`
/// unset if the key is none of these:
///
///   llvm.apply_baseline_optimizations   `-O3` or `-Oz`: what `opt -passes='default<O...>'` runs
///   llvm.apply_clang_pipeline           `-O2`, `-Os` or `-Oz`: what clang of that level runs
///   llvm.apply_pipeline                 a pipeline as `opt -passes=` takes it: see check_pipeline_text()
///   llvm.apply_size_attributes          `none`, `optsize` or `minsize`: see SizeAttributes
///
/// Errors: INVALID_ARGUMENT for a value that is none of these, with the module as it was; those of
///         OptimisedModule.
[[nodiscard]] grpc::Status handle_module_parameter(std::string_view key, const std::string& value,
                                                   OptimisedModule& module,
                                                   std::optional<std::string>& reply);

/// Whether the key is one of these.
[[nodiscard]] bool is_module_parameter(std::string_view key);

}  // namespace compiler_gym

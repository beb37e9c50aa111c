// Pipelines that clients write.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

inline constexpr std::size_t kMaxPipelineTextInBytes = std::size_t{64} << 10;

/// Whether a client may have this pipeline run, in the syntax of `opt -passes=`. It may consist of the
/// passes of the action spaces and of what LLVM's levels are made of, with any parameters, `default<O...>`
/// included: other passes of LLVM read and write files, print, crash on purpose, or do not do the same
/// each time. Whether it is a pipeline is for PassRunner to find out.
/// Errors: INVALID_ARGUMENT naming the pass, or the limit: of length, and of 32 parentheses in one
///         another.
[[nodiscard]] grpc::Status check_pipeline_text(std::string_view pipeline);

}  // namespace compiler_gym

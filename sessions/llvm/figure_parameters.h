// What the service's caches have done, for whoever wants to know whether they work.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace compiler_gym {

class LlvmServiceContext;

/// The value of a figure, a number, by its parameter; none if the key is none of these. The caches
/// are those of the process: the service's for inline sessions, its sandbox process's for an isolated one.
///
///   llvm.bitcode_cache.get_entries             benchmarks held
///   llvm.bitcode_cache.get_size_in_bytes       of their bitcode
///   llvm.bitcode_cache.get_max_size_in_bytes   which it keeps to, sessions permitting
///   llvm.bitcode_cache.get_hits                sessions that found their benchmark loaded
///   llvm.bitcode_cache.get_loads               benchmarks loaded
///   llvm.bitcode_cache.get_evictions           benchmarks let go of
///   llvm.spare_modules.get_entries             modules ready for sessions to come
///   llvm.spare_modules.get_size_in_bytes       of these, estimated
///   llvm.spare_modules.get_max_size_in_bytes
///   llvm.spare_modules.get_hits                sessions and forks that found a module ready
///   llvm.spare_modules.get_misses              those that had to parse it
///   llvm.spare_modules.get_dropped             modules that nobody came for
[[nodiscard]] std::optional<std::string> figure_parameter(const std::string& key,
                                                          const LlvmServiceContext& context);

/// Whether the key looks like one of these.
[[nodiscard]] bool is_figure_parameter(std::string_view key);

}  // namespace compiler_gym

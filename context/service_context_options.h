// What a service's command line says that concerns its compiler.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "context/benchmark_cache.h"
#include "context/benchmark_roots.h"
#include "core/posix/command_host.h"

namespace compiler_gym {

class Logger;

/// A context whose constructor takes these beside its working directory is given them; see
/// make_service_plugin().
struct ServiceContextOptions {
  /// Of the benchmarks that clients have sent, and as many of what the compiler keeps of them.
  std::size_t max_benchmark_cache_bytes = BenchmarkCache::kDefaultMaxSizeInBytes;
  /// Of what is remembered of sessions, see StateGraph. 0: nothing is.
  std::size_t state_graph_bytes = std::size_t{512} << 20;
  BenchmarkRoots benchmark_roots{};
  /// Takes programs with assembler code that reads files of this machine when it is compiled.
  bool allow_assembler_files = false;
  /// Runs what benchmarks bring along, so that nothing of that gets away. None: this process does,
  /// which is as well where it has one thread and adopts orphans, as a sandbox does.
  std::shared_ptr<const CommandHost> command_host{};
  /// Lists the observation spaces too that CompilerGym's service does not have, after those that it has.
  bool all_observations = false;
  /// The processor that programs are measured on and that nothing else of the service runs on; none: there
  /// is none that is left alone.
  std::optional<int> measurement_processor{};
  /// The service's, for what its operator has to know; outlives the context. Null in a process that sandboxes are forked from.
  Logger* logger = nullptr;
};

}  // namespace compiler_gym

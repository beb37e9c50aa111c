// What sessions take in memory.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>

namespace compiler_gym {

struct SessionMemory {
  int sessions = 0;
  std::int64_t started_bytes = 0;  ///< resident memory that came with all of them
  std::int64_t stepped_bytes = 0;  ///< the same once each has made a step
};

/// Starts the service as a process, and in it so many sessions on the medium module, several at a
/// time; then has each make a step: mem2reg, which rewrites most of the module, and observations
/// that a session remembers. One session before is not counted: with it come the benchmark and what
/// LLVM and the service need themselves.
/// Throws std::runtime_error if a request fails.
[[nodiscard]] SessionMemory measure_session_memory(const boost::filesystem::path& service,
                                                   int sessions);

}  // namespace compiler_gym

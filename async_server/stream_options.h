// What a service allows one stream of CompilerGymStream.
#pragma once

#include <cstddef>

namespace compiler_gym {

struct StreamOptions {
  /// Open at one time, in the whole service; RESOURCE_EXHAUSTED beyond.
  std::size_t max_streams = 1024;
  /// Requests of one stream whose replies gRPC has not taken yet. With so many, no more is read.
  std::size_t max_requests_in_flight = 1024;
  /// Their bytes: those of a request until it is answered, then those of its reply. A single request
  /// may have more.
  std::size_t max_bytes_in_flight = std::size_t{64} << 20;
  /// Requests in one message; each request of a larger one is refused with INVALID_ARGUMENT.
  std::size_t max_batch = 1024;
};

}  // namespace compiler_gym

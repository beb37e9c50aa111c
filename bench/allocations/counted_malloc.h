// malloc() and operator new of this program, counted by who calls them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace compiler_gym {

struct Allocations {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

/// What has been allocated since the program began, by all threads: by the file name of the library
/// that asked, and of this program as `this program`. realloc() counts as an allocation.
/// Whose code was inlined into whose is not seen: templates and inline functions of gRPC, Protobuf
/// and Asio count as this program's.
[[nodiscard]] std::map<std::string, Allocations> count_allocations();

}  // namespace compiler_gym

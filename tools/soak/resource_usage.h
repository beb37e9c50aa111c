// What a service and everything it started hold at one moment.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <cstdint>

namespace compiler_gym {

struct ResourceUsage {
  std::uint64_t rss_bytes = 0;  ///< of all processes, pages they share counted in each
  int file_descriptors = 0;     ///< of all processes
  int threads = 0;              ///< of all processes
  int processes = 0;            ///< the service's own included; zombies too
  int files = 0;                ///< in the working directory, without logs/
  std::uint64_t file_bytes = 0;
};

/// Of the service's process and all its descendants; those that end meanwhile are left out.
[[nodiscard]] ResourceUsage read_resource_usage(pid_t service,
                                                const boost::filesystem::path& working_directory);

}  // namespace compiler_gym

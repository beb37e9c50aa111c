// The observation `CpuInfo`: what the machine that compiles is.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <string>

namespace compiler_gym {

/// The caches of one level. A level the machine has not, or does not tell of, is {-1, 0}: what
/// CompilerGym answers then.
struct CpuCache {
  std::int64_t size_in_bytes = -1;  ///< of one of them
  std::int64_t count = 0;           ///< how many the machine has
};

struct CpuInfo {
  std::string name;              ///< of the first processor, e.g. `AMD EPYC 7B13`; empty if unknown
  std::int64_t cores_count = 0;  ///< physical cores; processors where the machine does not tell
  CpuCache l1i, l1d, l2, l3, l4;
};

/// Reads `<root>/proc/cpuinfo` and `<root>/sys/devices/system/cpu/cpu<n>/{cache,topology}`. Takes a
/// few milliseconds on a large machine, and the answer does not change: compute it once. Errors:
/// none. What can't be read is left at its default.
[[nodiscard]] CpuInfo read_cpu_info(const boost::filesystem::path& root = "/");

/// The observation, of format `json://`: an object with exactly the keys `cores_count`, `name` and
/// `l{1d,1i,2,3,4}_cache_{count,size}`, sorted.
[[nodiscard]] std::string to_json(const CpuInfo& cpu_info);

}  // namespace compiler_gym

// The observation `CpuInfo`: the machine that compiles.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <string>

namespace compiler_gym {

/// The caches of one kind. Of a kind that the machine has not, or does not tell of, the size is -1 and the count 0, as in
/// CompilerGym's answers.
struct CpuCache {
  std::int64_t size_in_bytes = -1;  ///< of one of them, the first
  std::int64_t count = 0;           ///< in the whole machine; cores may share one
};

struct CpuInfo {
  std::string name;  ///< of the first processor, e.g. `AMD EPYC 7B13`; empty if not told
  std::int64_t cores_count = 0;  ///< of the whole machine; two threads of a core count as one
  CpuCache l1i, l1d, l2, l3, l4;
};

/// Reads what Linux says in `<root>/proc/cpuinfo` and `<root>/sys/devices/system/cpu`. This opens some ten files per
/// processor, and the answer stays the same: call it once.
/// Errors:   none. What can't be read is left at its default.
[[nodiscard]] CpuInfo read_cpu_info(const boost::filesystem::path& root = "/");

/// The observation, an Opaque of format `json://`: an object with exactly the keys `cores_count`, `name` and
/// `l{1d,1i,2,3,4}_cache_{count,size}`.
/// Source:   CompilerGym 0.2.5, observation space CpuInfo.
[[nodiscard]] std::string to_json(const CpuInfo& cpu_info);

}  // namespace compiler_gym

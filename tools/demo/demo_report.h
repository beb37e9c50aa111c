// What the demo prints at the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/demo/program_client.h"
#include "tools/demo/program_search.h"

namespace compiler_gym {

struct DemoReport {
  std::vector<ProgramResult> programs;
  std::vector<std::string> action_names;
  std::string compiler_version;
  int concurrent_sessions = 0;
  DemoCounts counts;
  std::chrono::duration<double> search_time{0};
  std::uint64_t peak_rss_bytes = 0;
};

/// A table, at most `columns` wide as long as that is 80 or more. `colour`: for a terminal.
[[nodiscard]] std::string to_text(const DemoReport& report, std::size_t columns, bool colour);

}  // namespace compiler_gym

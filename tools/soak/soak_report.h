// Whether a service holds more after a long load than before it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/load/load_result.h"
#include "tools/soak/fault_injector.h"
#include "tools/soak/resource_usage.h"

namespace compiler_gym {

struct SoakSample {
  std::chrono::nanoseconds at{0};  ///< since the load began
  ResourceUsage usage;
};

struct SoakReport {
  LoadResult load;
  std::array<std::uint64_t, kFaultCount> faults{};
  ResourceUsage before;             ///< warmed up, caches full, no session open
  std::vector<SoakSample> samples;  ///< under load
  ResourceUsage after;              ///< caches full again, no session open
  int returncode = 0;               ///< of the service, after SIGTERM
};

/// One thing the service holds, over the whole run.
struct SoakMetric {
  std::string_view name;
  double before = 0;
  double most = 0;
  double after = 0;
  double limit = 0;  ///< `after` is flat up to here

  [[nodiscard]] bool flat() const { return after <= limit; }
};

/// Memory may end a quarter and 32 MiB higher, since allocators keep some of what they are given back,
/// and threads by as many as there are processors, since gRPC starts so many when it is busy; of
/// everything else there may be no more than before.
[[nodiscard]] std::vector<SoakMetric> soak_metrics(const SoakReport& report);

/// Whether everything is flat, the service ended with status 0, and no request found it gone.
[[nodiscard]] bool passed(const SoakReport& report);

/// Tables to read.
[[nodiscard]] std::string to_text(const SoakReport& report);

/// What was held over time, as one SVG document.
[[nodiscard]] std::string to_svg(const SoakReport& report);

}  // namespace compiler_gym

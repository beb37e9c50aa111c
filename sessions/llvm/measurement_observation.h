// The observation `RuntimeMeasurement`, as text.
#pragma once

#include <string>
#include <vector>

#include "sessions/llvm/run/runtime_measurement.h"

namespace compiler_gym {

/// Where programs are measured.
struct MeasurementProcessor {
  int number = 0;
  bool reserved = false;  ///< nothing else of this service runs there
};

/// JSON, of one run or more:
///
///   median_seconds, low_seconds, high_seconds, confidence, spread   see MedianEstimate
///   runs, warmups                     how often the program ran, and how often before
///   times                             seconds of each run, in their order
///   median_processor_seconds          in user space and in the kernel
///   median_instructions, median_cycles, or `no_counters`, a reason
///   processor, reserved               see MeasurementProcessor
[[nodiscard]] std::string measurement_json(const std::vector<MeasuredRun>& runs, int warmups,
                                           const MeasurementProcessor& processor);

}  // namespace compiler_gym

#include "sessions/llvm/measurement_observation.h"

#include <llvm/Support/JSON.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "sessions/llvm/observations/json_event.h"

namespace compiler_gym {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

template <typename ValueOf>
std::vector<double> values_of(const std::vector<MeasuredRun>& runs, ValueOf value_of) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const MeasuredRun& run : runs) {
    values.push_back(value_of(run));
  }
  return values;
}

template <typename ValueOf>
double median_of(const std::vector<MeasuredRun>& runs, ValueOf value_of) {
  return estimate_median(values_of(runs, value_of)).median;
}

}  // namespace

std::string measurement_json(const std::vector<MeasuredRun>& runs, int warmups,
                             const MeasurementProcessor& processor) {
  const std::vector<double> times =
      values_of(runs, [](const MeasuredRun& run) { return seconds(run.elapsed); });
  const MedianEstimate estimate = estimate_median(times);
  llvm::json::Object json{
      {"median_seconds", estimate.median},
      {"low_seconds", estimate.low},
      {"high_seconds", estimate.high},
      {"confidence", estimate.confidence},
      {"spread", estimate.spread},
      {"runs", static_cast<std::int64_t>(runs.size())},
      {"warmups", warmups},
      {"times", llvm::json::Array(times)},
      {"median_processor_seconds",
       median_of(runs, [](const MeasuredRun& run) { return seconds(run.processor_time); })},
      {"processor", processor.number},
      {"reserved", processor.reserved},
  };
  if (std::ranges::all_of(runs, [](const MeasuredRun& run) { return run.events.has_value(); })) {
    json["median_instructions"] = median_of(
        runs, [](const MeasuredRun& run) { return static_cast<double>(run.events->instructions); });
    json["median_cycles"] = median_of(
        runs, [](const MeasuredRun& run) { return static_cast<double>(run.events->cycles); });
  } else {
    json["no_counters"] =
        "this machine has no counters of instructions and cycles for this service";
  }
  return json_text(std::move(json));
}

}  // namespace compiler_gym

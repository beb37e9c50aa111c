#include "sessions/llvm/run/run_counts.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>

namespace compiler_gym {
namespace {

constexpr std::string_view kGet = "llvm.get_";
constexpr std::string_view kSet = "llvm.set_";

struct CountParameter {
  std::string_view name;
  int minimum;
  int RunCounts::* count;
};

constexpr std::array kParameters{
    CountParameter{"runtimes_per_observation_count", 1, &RunCounts::runtimes},
    CountParameter{"warmup_runs_count_per_runtime_observation", 0, &RunCounts::warmups},
    CountParameter{"buildtimes_per_observation_count", 1, &RunCounts::buildtimes},
    CountParameter{"min_runs_per_measurement", 1, &RunCounts::measured_runs},
    CountParameter{"min_milliseconds_per_measurement", 0, &RunCounts::measured_ms},
};

grpc::Status set(const CountParameter& parameter, const std::string& key, const std::string& value,
                 RunCounts& counts) {
  int number = 0;
  const char* const end = value.data() + value.size();
  const auto [stopped, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stopped != end) {
    return invalid_argument(fmt::format("{} must be an integer >= {}. Received: \"{}\"", key,
                                        parameter.minimum, value));
  }
  if (number < parameter.minimum) {
    return invalid_argument(
        fmt::format("{} must be >= {}. Received: {}", parameter.name, parameter.minimum, number));
  }
  counts.*parameter.count = number;
  return grpc::Status::OK;
}

}  // namespace

bool is_count_parameter(std::string_view key) {
  return (key.starts_with(kSet) || key.starts_with(kGet)) &&
         std::ranges::find(kParameters, key.substr(kSet.size()), &CountParameter::name) !=
             kParameters.end();
}

grpc::Status handle_count_parameter(const std::string& key, const std::string& value,
                                    RunCounts& counts, std::optional<std::string>& reply) {
  const bool setting = key.starts_with(kSet);
  if (!setting && !key.starts_with(kGet)) {
    return grpc::Status::OK;
  }
  const std::string_view name = std::string_view(key).substr(kSet.size());
  for (const CountParameter& parameter : kParameters) {
    if (parameter.name != name) {
      continue;
    }
    if (setting) {
      if (grpc::Status status = set(parameter, key, value, counts); !status.ok()) {
        return status;
      }
      reply = value;
    } else {
      reply = std::to_string(counts.*parameter.count);
    }
    break;
  }
  return grpc::Status::OK;
}

}  // namespace compiler_gym

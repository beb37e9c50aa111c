#include "tools/load/load_result.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace compiler_gym {

std::string_view to_string(Rpc rpc) {
  static constexpr std::array<std::string_view, kRpcCount> kNames{
      "Step", "StartSession", "ForkSession", "EndSession", "GetVersion"};
  return kNames[static_cast<std::size_t>(rpc)];
}

void RpcResult::record(std::chrono::nanoseconds latency_of_call, const grpc::Status& status) {
  if (status.ok()) {
    latency.record(latency_of_call);
    return;
  }
  if (errors.empty()) {
    first_error = compiler_gym::to_string(status);
  }
  ++errors[status.error_code()];
}

std::uint64_t RpcResult::error_count() const {
  return std::accumulate(
      errors.begin(), errors.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& code_and_count) { return sum + code_and_count.second; });
}

void ValidationResult::record(Validation validation, std::vector<std::string> actions) {
  if (validation.verdict != Verdict::kValidated && validated() == count()) {
    first_failure = validation;
    actions_to_failure = std::move(actions);
  }
  ++counts[static_cast<std::size_t>(validation.verdict)];
}

std::uint64_t ValidationResult::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

bool LoadResult::all_validated() const {
  return !validations.empty() && std::ranges::all_of(validations, [](const auto& uri_and_result) {
    return uri_and_result.second.validated() == uri_and_result.second.count();
  });
}

std::uint64_t LoadResult::call_count() const {
  return std::accumulate(
      rpcs.begin(), rpcs.end(), std::uint64_t{0},
      [](std::uint64_t sum, const RpcResult& rpc) { return sum + rpc.call_count(); });
}

double LoadResult::per_second(std::uint64_t count) const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace compiler_gym

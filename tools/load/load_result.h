// What a load measured.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/support/status.h"
#include "sessions/llvm/run/validation.h"
#include "tools/load/latency_histogram.h"
#include "tools/load/load_options.h"
#include "tools/support/process_usage.h"

namespace compiler_gym {

enum class Rpc { kStep, kStartSession, kForkSession, kEndSession, kGetVersion };
inline constexpr std::size_t kRpcCount = 5;

/// As the service calls it, e.g. `StartSession`.
[[nodiscard]] std::string_view to_string(Rpc rpc);

struct RpcResult {
  /// Of the calls that were answered with OK.
  LatencyHistogram latency;
  /// The other calls, by status code.
  std::map<grpc::StatusCode, std::uint64_t> errors;
  /// The text of the first of them.
  std::string first_error;

  void record(std::chrono::nanoseconds latency_of_call, const grpc::Status& status);
  [[nodiscard]] std::uint64_t error_count() const;
  [[nodiscard]] std::uint64_t call_count() const { return latency.count() + error_count(); }
};

struct ServerResult {
  pid_t pid = 0;
  /// While measuring, of all threads and of the process's descendants.
  std::chrono::microseconds cpu{0};
  /// At the end.
  ProcessUsage usage;
};

/// What became of the programs of the sessions on one benchmark.
struct ValidationResult {
  /// Sessions, by verdict.
  std::array<std::uint64_t, kVerdictCount> counts{};
  /// Of the first session that was not validated, and the names of the actions that made it so.
  Validation first_failure;
  std::vector<std::string> actions_to_failure;

  void record(Validation validation, std::vector<std::string> actions);
  [[nodiscard]] std::uint64_t validated() const {
    return counts[static_cast<std::size_t>(Verdict::kValidated)];
  }
  [[nodiscard]] std::uint64_t count() const;
};

struct LoadResult {
  std::string service_version;
  std::string compiler_version;
  /// From the first measured operation until the last was done.
  std::chrono::nanoseconds elapsed{0};
  std::uint64_t operations = 0;
  std::array<RpcResult, kRpcCount> rpcs;
  /// By benchmark URI; empty if nothing was to be validated.
  std::map<std::string, ValidationResult> validations;
  std::chrono::microseconds client_cpu{0};
  std::optional<ServerResult> server;
  /// How the service ended, if it was started for this.
  std::string server_exit;
  bool interrupted = false;

  [[nodiscard]] RpcResult& operator[](Rpc rpc) { return rpcs[static_cast<std::size_t>(rpc)]; }
  [[nodiscard]] const RpcResult& operator[](Rpc rpc) const {
    return rpcs[static_cast<std::size_t>(rpc)];
  }
  [[nodiscard]] std::uint64_t call_count() const;
  /// False as well if there was nothing to validate.
  [[nodiscard]] bool all_validated() const;
  [[nodiscard]] double per_second(std::uint64_t count) const;
};

/// One JSON object, indented. Times are in the unit at the end of their names. RPCs that did not occur
/// are left out.
[[nodiscard]] std::string to_json(const LoadOptions& options, const LoadResult& result);

/// A table to read, at most 100 columns wide.
[[nodiscard]] std::string to_text(const LoadOptions& options, const LoadResult& result);

}  // namespace compiler_gym

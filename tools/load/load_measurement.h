// What is measured while a load lasts, and when that begins and ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/support/clock.h"
#include "core/support/status.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

namespace compiler_gym {

struct LoadProgress {
  double fraction = 0;  ///< of what is to be measured
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
};

/// Since when a call counts, and whether it counts at all.
struct CallStart {
  Clock::time_point since;
  bool measured = false;

  [[nodiscard]] CallStart from_now() const { return {Clock::now(), measured}; }
};

/// Threads:  one at a time.
/// Lifetime: refers to the options.
class LoadMeasurement {
 public:
  explicit LoadMeasurement(const LoadOptions& options) : options_(options) {}

  /// The load begins now, with the warm-up.
  void start();
  /// The warm-up is over.
  void begin();
  /// No more operations begin.
  void stop();
  /// The last one is done.
  void finish();

  [[nodiscard]] Clock::time_point load_began() const { return load_began_; }
  [[nodiscard]] Clock::time_point begins() const { return begins_; }
  [[nodiscard]] Clock::time_point ends() const { return ends_; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] bool enough_operations() const;

  /// An operation that is due at `since` is about to be performed.
  [[nodiscard]] CallStart count_operation(Clock::time_point since);
  void record(Rpc rpc, CallStart start, const grpc::Status& status);

  [[nodiscard]] LoadProgress progress() const;
  [[nodiscard]] LoadResult& result() { return result_; }

 private:
  const LoadOptions& options_;
  Clock::time_point load_began_;
  Clock::time_point begins_;
  Clock::time_point ends_ = Clock::time_point::max();
  Clock::time_point last_event_;  // the end of a measured call, or of new operations
  bool measuring_ = false;
  bool stopped_ = false;
  std::chrono::nanoseconds server_cpu_before_{0};
  std::chrono::microseconds client_cpu_before_{0};
  LoadResult result_;
};

}  // namespace compiler_gym

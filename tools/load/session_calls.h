// The calls of simulated clients on their sessions.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "client/stream_client.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/run/validation.h"
#include "tools/load/load_measurement.h"
#include "tools/load/load_options.h"
#include "tools/load/load_target.h"
#include "tools/load/operation_mix.h"
#include "tools/load/split_mix.h"

namespace compiler_gym {

/// Where one session at a time lives, over a whole load.
struct SessionSlot {
  struct Session {
    std::int64_t id = 0;
    std::int64_t steps = 0;               ///< of its episode, so far
    std::vector<std::int64_t> actions{};  ///< so far, if it is going to be validated
  };

  ServiceClient* client = nullptr;
  StreamClient* stream = nullptr;    ///< if steps go through it
  std::optional<Session> session{};  ///< none: lost by an earlier failure, or not opened yet
  std::string benchmark_uri{};
  const Benchmark* kept = nullptr;  ///< if its sessions are cold or validated: what they start from
  SplitMix random{};                ///< of its sessions' actions
};

/// Makes calls, records each, and keeps the slot's session up to date: one that a call has cost is
/// gone, one that has reached its end is replaced.
/// Threads:  one at a time; no two operations on a slot at a time.
/// Lifetime: refers to all that it is constructed with.
class SessionCalls {
 public:
  /// Compares what a session has made of a benchmark, as bitcode, with the benchmark.
  using Validator =
      std::function<boost::asio::awaitable<Validation>(const Benchmark&, std::string bitcode)>;

  SessionCalls(LoadTarget& target, const LoadOptions& options, LoadMeasurement& measurement)
      : target_(target),
        options_(options),
        call_options_{.timeout = options.timeout},
        measurement_(measurement) {}

  void validate_with(Validator validator) { validator_ = std::move(validator); }
  [[nodiscard]] bool validates() const { return static_cast<bool>(validator_); }

  [[nodiscard]] boost::asio::awaitable<grpc::Status> perform(SessionSlot& slot, Operation operation,
                                                             CallStart due);
  /// Gives the slot a session, which makes its warm steps. The status says which call failed; there is
  /// no session then.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> start(SessionSlot& slot, CallStart due);
  /// Ends a session that is in order, and validates it before if that is asked for.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> retire(SessionSlot& slot,
                                                            SessionSlot::Session session,
                                                            CallStart due);

 private:
  [[nodiscard]] bool is_validated(const SessionSlot& slot) const {
    return validates() && slot.kept != nullptr;
  }
  [[nodiscard]] boost::asio::awaitable<grpc::Status> warm_up(SessionSlot& slot, CallStart due);
  /// The actions of the session's next step, which it remembers if it is validated.
  [[nodiscard]] StepRequest step_request(SessionSlot& slot);
  [[nodiscard]] boost::asio::awaitable<grpc::Status> step(SessionSlot& slot, CallStart due);
  [[nodiscard]] boost::asio::awaitable<Result<StepReply>> send_step(SessionSlot& slot,
                                                                    StepRequest request);
  [[nodiscard]] boost::asio::awaitable<grpc::Status> fork(SessionSlot& slot, CallStart due);
  [[nodiscard]] boost::asio::awaitable<grpc::Status> end(SessionSlot& slot, std::int64_t session_id,
                                                         CallStart due);
  [[nodiscard]] boost::asio::awaitable<void> validate(const SessionSlot& slot,
                                                      SessionSlot::Session session);

  LoadTarget& target_;
  const LoadOptions& options_;
  const CallOptions call_options_;
  LoadMeasurement& measurement_;
  Validator validator_;
};

}  // namespace compiler_gym

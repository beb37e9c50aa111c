// What sessions are started by that don't live in the service's own process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include "proto/compiler_gym_service.pb.h"
#include "sessions/client_id.h"
#include "sessions/session_executor.h"

namespace compiler_gym {

/// Starts sessions of one kind. Implemented by what is plugged into sessions/, sessions/isolated say,
/// which so need not be known here.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive the sessions it starts. close() before it is destroyed.
class SessionExecutorFactory {
 public:
  SessionExecutorFactory() = default;
  SessionExecutorFactory(const SessionExecutorFactory&) = delete;
  SessionExecutorFactory& operator=(const SessionExecutorFactory&) = delete;
  virtual ~SessionExecutorFactory() = default;

  /// Starts a session of the client's and computes the observations asked for, whose indices have
  /// been checked.
  /// `request` and `reply` must live until it completes.
  [[nodiscard]] virtual SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> start(
      const StartSessionRequest& request, std::shared_ptr<const Benchmark> benchmark,
      StartSessionReply& reply, ClientId client, std::stop_source stop) = 0;

  /// A figure of its own that clients may read, by the key of their parameter; none if there is no such.
  [[nodiscard]] virtual std::optional<std::uint64_t> figure(std::string_view /*key*/) const {
    return std::nullopt;
  }

  /// Ends what it has started for itself, processes say, and waits for that. Blocks. Every session
  /// has ended before.
  virtual void close() = 0;
};

}  // namespace compiler_gym

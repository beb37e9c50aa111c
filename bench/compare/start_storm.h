// Clients that start sessions, one after the other, beside those that are measured.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "client/service_client.h"
#include "core/completion_queue_pump.h"
#include "core/support/clock.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Each client has a benchmark of its own, all with the same program, starts a session on it and ends
/// that, again and again until stop().
/// Threads:  everything on the executor of the async_ functions, which must be a strand or have one
///           thread.
/// Lifetime: until async_run() has completed.
class StartStorm {
 public:
  StartStorm(CompletionQueuePump& pump, std::shared_ptr<grpc::Channel> channel, int clients);

  /// Sends the benchmarks, and starts and ends a session on each: what a service keeps of a benchmark
  /// is kept from then on.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_prepare(const std::string& program);

  /// Returns what the first failing call was answered with, which ends it.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_run();
  void stop() { stopped_ = true; }

  /// Of async_run().
  [[nodiscard]] double starts_per_second() const;

 private:
  [[nodiscard]] boost::asio::awaitable<grpc::Status> start_and_end(int client);

  ServiceClient client_;
  const int clients_;
  bool stopped_ = false;
  std::uint64_t starts_ = 0;
  Clock::duration elapsed_{};
};

}  // namespace compiler_gym

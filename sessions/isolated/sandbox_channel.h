// The service's end of a sandbox process: one request at a time, which can be cancelled or killed.
#pragma once

#include <sys/types.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "core/lazy_timer.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"
#include "sessions/isolated/frame.h"
#include "sessions/isolated/sandbox_host.h"
#include "sessions/isolated/sandbox_reply.h"

namespace compiler_gym::isolated {

struct SandboxTimeouts {
  /// For one request: what clients of CompilerGym wait for one. 0: as long as it takes.
  std::chrono::milliseconds request_timeout{300'000};
  /// From the wish that a request end to the kill of a sandbox that does not heed it.
  std::chrono::milliseconds cancel_grace{500};
  /// Instead of request_timeout, for what no client has asked for: a sandbox that is to serve the next session
  /// is made ready for it, and says that it is alive.
  std::chrono::milliseconds reset_timeout{2'000};
};

/// Threads:  requests may be made from any thread, one at a time; the handler runs on the executor
///           of the host, or on the worker pool if the reply is large.
/// Lifetime: shared by the request under way. Destroying it kills and reaps the sandbox.
/// Cancel:   by the stop source or at the timeout. The sandbox is asked first, and killed if it does
///           not answer within the grace period.
class SandboxChannel : public std::enable_shared_from_this<SandboxChannel> {
 public:
  using ReplyHandler = UniqueHandler<void(SandboxReply)>;
  using ChannelHandler = UniqueHandler<void(Result<std::shared_ptr<SandboxChannel>>)>;

  /// Connects to a sandbox. RESOURCE_EXHAUSTED if the board is full.
  [[nodiscard]] static Result<std::shared_ptr<SandboxChannel>> make(
      std::shared_ptr<SandboxHost> host, SandboxHost::Spawned sandbox, WorkerPool& workers,
      const SandboxTimeouts& timeouts);

  SandboxChannel(const SandboxChannel&) = delete;
  SandboxChannel& operator=(const SandboxChannel&) = delete;
  ~SandboxChannel();

  void request(SandboxOperation operation, const SandboxMessage& message, std::stop_source stop,
               ReplyHandler handler);

  /// request(), with a completion token. Signature: void(SandboxReply).
  template <boost::asio::completion_token_for<void(SandboxReply)> Token>
  auto async_request(SandboxOperation operation, SandboxMessage message, std::stop_source stop,
                     Token&& token) {
    return boost::asio::async_initiate<Token, void(SandboxReply)>(
        [this, operation, message](auto handler, std::stop_source its_stop) {
          request(operation, message, std::move(its_stop), ReplyHandler(std::move(handler)));
        },
        token, std::move(stop));
  }

  /// A new sandbox with a copy of this one's session. Its status is DATA_LOSS if this sandbox is no
  /// more.
  void fork(std::stop_source stop, ChannelHandler handler);

  /// fork(), with a completion token. Signature: void(Result<std::shared_ptr<SandboxChannel>>).
  template <typename Token>
  auto async_fork(std::stop_source stop, Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<std::shared_ptr<SandboxChannel>>)>(
        [this](auto handler, std::stop_source its_stop) {
          fork(std::move(its_stop), ChannelHandler(std::move(handler)));
        },
        token, std::move(stop));
  }

  /// Whether its session can be destroyed and another be put in its place. Not if anything has failed in
  /// this sandbox, or in one that it was forked from, or while something is under way.
  [[nodiscard]] bool is_recyclable();
  /// Once, when it has loaded its benchmark: its compiler allows that.
  void allow_recycling() { recyclable_ = true; }

  /// Kills the sandbox; completes when it is gone. Nothing may be under way.
  void end(UniqueHandler<void()> handler);

  /// end(), with a completion token. Signature: void().
  template <boost::asio::completion_token_for<void()> Token>
  auto async_end(Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this](auto handler) { end(UniqueHandler<void()>(std::move(handler))); }, token);
  }

 private:
  enum class Cause { kNone, kCancelled, kTimeout };

  struct OnStop {
    std::weak_ptr<SandboxChannel> channel;
    std::uint64_t number;
    void operator()() const;
  };

  /// The request under way.
  struct Pending {
    std::uint64_t number = 0;
    ReplyHandler handler;
    Cause cause = Cause::kNone;
    bool reaping = false;
    std::chrono::milliseconds timeout{};
    Clock::time_point next_check;  ///< the timeout, then the end of the grace period
  };

  SandboxChannel(std::shared_ptr<SandboxHost> host, SandboxHost::Spawned sandbox,
                 WorkerPool& workers, const SandboxTimeouts& timeouts, std::uint32_t slot);

  void begin(SandboxOperation operation, ReplyHandler handler, const std::stop_source& stop);
  void write(std::string bytes, std::size_t written);
  void wait_to_read();
  void read();
  void on_frame(Frame frame);
  void cancel_locked(Cause cause);
  void watch_the_time_locked();
  void check_the_time();
  void lose();
  void on_lost(int how);

  const std::shared_ptr<SandboxHost> host_;
  WorkerPool& workers_;
  const SandboxTimeouts timeouts_;
  std::optional<std::uint32_t> slot_;  // until end()
  SandboxId id_;                       // pid 0: not known yet, or reaped
  boost::asio::posix::stream_descriptor socket_;

  // Of the request under way; touched by whoever performs its present part.
  FrameReader reader_;
  std::optional<std::stop_callback<OnStop>> on_stop_;
  bool recyclable_ = false;

  std::mutex mutex_;  // guards what follows
  std::uint64_t last_number_ = 0;
  std::optional<Pending> pending_;
  LazyTimer timer_;
};

}  // namespace compiler_gym::isolated

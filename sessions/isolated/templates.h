// Sandboxes that have a benchmark loaded, for each session on it: forked, or serving one after another.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/worker_pool.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/isolated/run_limit.h"
#include "sessions/isolated/sandbox_channel.h"
#include "sessions/isolated/sandbox_host.h"
#include "sessions/isolated/template_scheduler.h"

namespace compiler_gym::isolated {

struct ForkedSandbox {
  std::shared_ptr<SandboxChannel> sandbox{};
  RunLimit::Permit permit{};  ///< under which it was made, for what is to be done there next
};

struct TemplatesOptions {
  SandboxTimeouts timeouts{};
  std::size_t max_templates = 64;
  RecycleOptions recycle{};
  /// See IsolationOptions. May block.
  std::function<std::string(const Benchmark&)> program_stamp{};
};

struct RecycleFigures {
  std::uint64_t idle = 0;        ///< sandboxes that wait for a session
  std::uint64_t idle_bytes = 0;  ///< of these, see ResetReport
  std::uint64_t reused = 0;      ///< sandboxes that were given to one more session
  std::uint64_t forked = 0;      ///< sandboxes that were forked from templates for a session
  std::uint64_t discarded = 0;   ///< sandboxes that were ended instead of being reused
};

/// A template is a sandbox that has initialised a session and then waits: to start a session on the
/// same benchmark is to fork it. So a benchmark is parsed once, its memory shared by its sessions
/// until they write to it, and never parsed in the service's own process. TemplateScheduler says when
/// one is loaded, forked and evicted; this does it.
/// Recycle:  a sandbox whose session has ended is reset, and given to another session instead of a fork.
/// Limit:    to load one, to fork one and to reset one, a permit of the RunLimit is waited for. So whoever
///           waits for a fork, or for room, must hold none, else the last permits would wait for each other.
/// Threads:  every member may be called from any thread.
/// Lifetime: shared by what it is doing; close() ends that.
class Templates : public std::enable_shared_from_this<Templates> {
 public:
  Templates(std::shared_ptr<SandboxHost> host, WorkerPool& workers,
            std::shared_ptr<RunLimit> run_limit, TemplatesOptions options);

  using Sandbox = std::shared_ptr<SandboxChannel>;

  using Forked = ForkedSandbox;
  using ForkHandler = UniqueHandler<void(Result<Forked>)>;

  /// Hands over a new sandbox with a fresh session. The handler is called on a thread of the host's
  /// executor. Signature: void(Result<Forked>).
  template <boost::asio::completion_token_for<void(Result<Forked>)> Token>
  auto async_fork(TemplateKey key, const RunTicket& ticket, std::stop_source stop, Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<Forked>)>(
        [this, ticket](auto handler, TemplateKey its_key, std::stop_source its_stop) {
          fork(std::move(its_key), ticket, std::move(its_stop), ForkHandler(std::move(handler)));
        },
        token, std::move(key), std::move(stop));
  }

  /// Takes a sandbox of that key whose session has ended and which is_recyclable(), to reset it, or to end it.
  void recycle(TemplateKey key, ClientId client, Sandbox sandbox);

  /// To be called when a sandbox can't be had, which `want` says: if that is for want of something that
  /// idle sandboxes have, gives `permit` back, ends one of them, and takes a permit again once that is
  /// gone. OK if it is worth another try.
  /// Errors: `want`, if there is nothing to be done; those of the run limit.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_make_room(grpc::Status want,
                                                                     RunLimit::Permit& permit,
                                                                     RunTicket ticket,
                                                                     std::stop_source stop);

  [[nodiscard]] RecycleFigures figures() const;

  /// Ends all templates and what is idle, for good. Nothing may be waiting.
  void close();

 private:
  using TemplateId = TemplateScheduler::TemplateId;
  using WaiterId = TemplateScheduler::WaiterId;
  using SandboxNumber = TemplateScheduler::SandboxNumber;
  using RoomHandler = UniqueHandler<void(bool)>;  // false: nothing was idle

  struct OnStop {
    std::weak_ptr<Templates> templates;
    WaiterId waiter;
    void operator()() const;
  };
  struct Waiter {
    RunTicket ticket;
    std::stop_source stop;
    ForkHandler handler;
    std::unique_ptr<std::stop_callback<OnStop>> on_stop{};
  };
  struct Template {
    Sandbox sandbox{};  // once loaded
    /// Under which it was loaded; for the first fork, else the next would be loaded before that.
    RunLimit::Permit permit{};
    std::stop_source stop_loading{};
  };

  /// A sandbox without a session, idle or being reset.
  struct Recycled {
    TemplateKey key;
    ClientId client{};  ///< the last one
    Sandbox sandbox{};
    std::stop_source stop_reset{};
    RunLimit::Permit permit{};  ///< under which it was reset, if somebody waits for it
  };

  struct Reset {
    ResetReport report;
    RunLimit::Permit permit;
  };

  void fork(TemplateKey key, const RunTicket& ticket, std::stop_source stop, ForkHandler handler);
  void enter_on_strand(const TemplateKey& key, Waiter waiter);
  void leave_on_strand(WaiterId waiter);
  void perform_on_strand(const TemplateScheduler::Actions& actions,
                         Result<Forked> forked = Forked());
  void complete_on_strand(WaiterId waiter, Result<Forked> forked);
  template <boost::asio::completion_token_for<void(bool)> Token>
  auto async_end_idle(Token&& token) {
    return boost::asio::async_initiate<Token, void(bool)>(
        [this](auto handler) { end_idle(RoomHandler(std::move(handler))); }, token);
  }
  void end_idle(RoomHandler handler);
  void reuse_on_strand(const TemplateAction& action);
  void end_on_strand(const TemplateAction& action);
  void tell_room_on_strand(WaiterId waiter, bool room);
  void publish_figures_on_strand();

  // Each is kept by `self`.
  boost::asio::awaitable<void> load_on_strand(std::shared_ptr<Templates> self, TemplateId of,
                                              RunTicket ticket);
  boost::asio::awaitable<void> fork_on_strand(std::shared_ptr<Templates> self, TemplateId of,
                                              WaiterId waiter, RunLimit::Permit permit);
  boost::asio::awaitable<Result<Forked>> fork_sandbox(std::shared_ptr<Templates> self,
                                                      Sandbox sandbox, RunTicket ticket,
                                                      RunLimit::Permit permit,
                                                      std::stop_source stop);
  boost::asio::awaitable<Result<Forked>> load_sandbox(std::shared_ptr<Templates> self,
                                                      TemplateKey key, RunTicket ticket,
                                                      std::stop_source stop);
  boost::asio::awaitable<Result<Sandbox>> spawn_sandbox();
  boost::asio::awaitable<void> reset_on_strand(std::shared_ptr<Templates> self,
                                               SandboxNumber number);
  boost::asio::awaitable<Result<Reset>> reset_sandbox(std::shared_ptr<Templates> self,
                                                      TemplateKey key, ClientId client,
                                                      Sandbox sandbox, std::stop_source stop);
  boost::asio::awaitable<void> hand_over_on_strand(std::shared_ptr<Templates> self, WaiterId waiter,
                                                   Recycled reused);
  void spawn_on_strand(boost::asio::awaitable<void> operation);
  void log(const std::exception_ptr& error) const;

  template <typename Function>
  void on_strand(Function function) {
    boost::asio::post(strand_, [self = shared_from_this(),
                                function = std::move(function)]() mutable { function(*self); });
  }

  const std::shared_ptr<SandboxHost> host_;
  WorkerPool& workers_;
  const std::shared_ptr<RunLimit> run_limit_;
  const TemplatesOptions options_;
  boost::asio::strand<boost::asio::any_io_executor> strand_;
  // Touched on the strand only.
  TemplateScheduler scheduler_;
  std::unordered_map<TemplateId, Template> templates_;  // loaded, or being loaded
  std::unordered_map<WaiterId, Waiter> waiters_;
  std::unordered_map<SandboxNumber, Recycled> recycled_;
  std::unordered_map<WaiterId, RoomHandler> want_room_;
  WaiterId last_waiter_ = 0;
  SandboxNumber last_recycled_ = 0;
  RecycleFigures counted_;

  mutable std::mutex mutex_;  // guards what follows
  RecycleFigures figures_;
};

}  // namespace compiler_gym::isolated

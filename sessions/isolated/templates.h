// Sandboxes that have a benchmark loaded, to be forked for each session on it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <stop_token>
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

/// A template is a sandbox that has initialised a session and then waits: to start a session on the
/// same benchmark is to fork it. So a benchmark is parsed once, its memory shared by its sessions
/// until they write to it, and never parsed in the service's own process. TemplateScheduler says when
/// one is loaded, forked and evicted; this does it.
/// Limit:    to load one and to fork one, a permit of the RunLimit is waited for. So whoever waits for
///           a fork must hold none, else the last permits would wait for each other.
/// Threads:  every member may be called from any thread.
/// Lifetime: shared by what it is doing; close() ends that.
class Templates : public std::enable_shared_from_this<Templates> {
 public:
  Templates(std::shared_ptr<SandboxHost> host, WorkerPool& workers,
            std::shared_ptr<RunLimit> run_limit, SandboxTimeouts timeouts,
            std::size_t max_templates);

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

  /// Ends all templates, for good. Nothing may be waiting.
  void close();

 private:
  using TemplateId = TemplateScheduler::TemplateId;
  using WaiterId = TemplateScheduler::WaiterId;

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

  void fork(TemplateKey key, const RunTicket& ticket, std::stop_source stop, ForkHandler handler);
  void enter_on_strand(const TemplateKey& key, Waiter waiter);
  void leave_on_strand(WaiterId waiter);
  void perform_on_strand(const TemplateScheduler::Actions& actions,
                         Result<Forked> forked = Forked());
  void complete_on_strand(WaiterId waiter, Result<Forked> forked);

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
  void spawn_on_strand(boost::asio::awaitable<void> operation);
  void log(const std::exception_ptr& error) const;

  template <typename Function>
  void on_strand(Function function);

  const std::shared_ptr<SandboxHost> host_;
  WorkerPool& workers_;
  const std::shared_ptr<RunLimit> run_limit_;
  const SandboxTimeouts timeouts_;
  boost::asio::strand<boost::asio::any_io_executor> strand_;
  // Touched on the strand only.
  TemplateScheduler scheduler_;
  std::unordered_map<TemplateId, Template> templates_;  // loaded, or being loaded
  std::unordered_map<WaiterId, Waiter> waiters_;
  WaiterId last_waiter_ = 0;
};

}  // namespace compiler_gym::isolated

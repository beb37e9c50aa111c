// Sandboxes that have a benchmark loaded, to be forked for each session on it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "core/worker_pool.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/isolated/sandbox_channel.h"
#include "sessions/isolated/sandbox_host.h"

namespace compiler_gym::isolated {

/// What the sessions forked from one template have in common.
struct TemplateKey {
  /// By identity: the service hands out one object per benchmark that it holds.
  std::shared_ptr<const Benchmark> benchmark;
  int action_space = 0;
  /// Tells a program that lies outside of the benchmark, in a file, from what it was before.
  std::string program_stamp;

  bool operator==(const TemplateKey&) const = default;
};

/// A template is a sandbox that has initialised a session and then waits: to start a session on the
/// same benchmark is to fork it. So a benchmark is parsed once, its memory shared by its sessions
/// until they write to it, and never parsed in the service's own process.
///
/// Loading:  by one sandbox, while all who want the same wait for it; a failure is given to all of
///           them and not kept. Who cancels leaves; when the last one has, the loading ends too.
/// Bound:    the least recently used templates are evicted.
/// Threads:  every member may be called from any thread. Handlers run on the host's executor.
/// Lifetime: shared by what it is doing; close() ends that.
class Templates : public std::enable_shared_from_this<Templates> {
 public:
  Templates(std::shared_ptr<SandboxHost> host, WorkerPool& workers, SandboxTimeouts timeouts,
            std::size_t max_templates);

  /// Hands over a new sandbox with a fresh session.
  void fork(TemplateKey key, std::stop_source stop, SandboxChannel::ChannelHandler handler);

  /// Ends all templates, for good. Nothing may be waiting.
  void close();

 private:
  struct Template;
  using TemplatePtr = std::shared_ptr<Template>;

  struct OnStop {
    std::weak_ptr<Templates> templates;
    std::weak_ptr<Template> from;
    std::uint64_t waiter;
    void operator()() const;
  };
  struct Waiter {
    std::uint64_t number = 0;
    std::stop_source stop;
    SandboxChannel::ChannelHandler handler;
    bool retried = false;  // because the template was found dead
    std::unique_ptr<std::stop_callback<OnStop>> on_stop{};
  };
  struct Template {
    TemplateKey key;
    std::shared_ptr<SandboxChannel> sandbox{};  // once loaded
    bool busy = false;                          // loading, or forking
    std::stop_source stop_loading{};
    std::deque<Waiter> waiting{};
  };

  void fork_on_strand(TemplateKey key, Waiter waiter);
  TemplatePtr find_or_add_on_strand(TemplateKey key);
  void evict_on_strand();
  void load_on_strand(const TemplatePtr& loading);
  void on_spawned(const TemplatePtr& loading, Result<SandboxHost::Spawned> spawned);
  void on_loaded_on_strand(const TemplatePtr& loaded,
                           Result<std::shared_ptr<SandboxChannel>> sandbox);
  void serve_next_on_strand(const TemplatePtr& of);
  void on_forked_on_strand(const TemplatePtr& of, Waiter waiter,
                           Result<std::shared_ptr<SandboxChannel>> sandbox);
  void leave_on_strand(const TemplatePtr& from, std::uint64_t waiter);
  void complete(Waiter waiter, Result<std::shared_ptr<SandboxChannel>> sandbox);

  template <typename Function>
  void on_strand(Function function);

  const std::shared_ptr<SandboxHost> host_;
  WorkerPool& workers_;
  const SandboxTimeouts timeouts_;
  const std::size_t max_templates_;
  boost::asio::strand<boost::asio::any_io_executor> strand_;
  // Touched on the strand only.
  std::list<TemplatePtr> templates_;  // most recently used first
  std::uint64_t last_waiter_ = 0;
  bool closed_ = false;
};

}  // namespace compiler_gym::isolated

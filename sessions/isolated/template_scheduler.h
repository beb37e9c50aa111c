// When a benchmark is loaded, for whom it is forked, who gets a sandbox that is there already, and which
// ones are evicted.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/support/fair_queue.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/client_id.h"
#include "sessions/isolated/idle_sandboxes.h"

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

/// What is to be done next.
struct TemplateAction {
  using TemplateId = std::uint64_t;
  using WaiterId = std::uint64_t;
  using SandboxNumber = IdleSandboxes::Number;

  enum class Kind {
    kLoad,         ///< load `of`, for `waiter` among others; then on_loaded()
    kStopLoading,  ///< end that early; on_loaded() follows all the same
    kFork,         ///< fork `of` for `waiter`; then on_forked()
    kRelease,      ///< end the sandbox of `of`
    kComplete,     ///< give `waiter` the status, or what was forked for it if that is OK
    kReset,        ///< reset `sandbox`; then on_reset()
    kReuse,        ///< give `waiter` the `sandbox`; if that turns out to be dead, on_found_dead()
    kEnd,          ///< end `sandbox`, and then tell `waiter`, unless 0, that there is room
    kNoRoom,       ///< tell `waiter` that nothing can be ended for it
  };
  Kind kind;
  TemplateId of = 0;
  WaiterId waiter = 0;
  grpc::Status status{};
  SandboxNumber sandbox = 0;
};

/// Takes what happened and returns what is to be done about it, in that order. No threads, no clock,
/// no processes: Templates performs what it decides.
///
/// Loading: by one sandbox for all who want the same, one fork at a time. A failure is given to all
///          who wait and not kept. When the last one has left, the loading is ended; for who comes
///          before it has, it is begun again. Clients take turns, as in FairQueue.
/// Retry:   a template that is found dead, or hangs, is loaded anew, and whom it was to be forked for
///          waits for that, once.
/// Bound:   the least recently used are evicted; those in use stay, over the bound for a while.
/// Recycle: a sandbox whose session has ended is reset, and then serves the next one of its template, as
///          IdleSandboxes allows. Who wants a fork is given such a one instead, or waits for one that is
///          being reset, unless others do already: that is done sooner than a fork, and costs less.
/// Room:    for a sandbox that there is no room for, one that is idle is ended.
class TemplateScheduler {
 public:
  using TemplateId = TemplateAction::TemplateId;
  using WaiterId = TemplateAction::WaiterId;

  using SandboxNumber = TemplateAction::SandboxNumber;

  explicit TemplateScheduler(std::size_t max_templates, RecycleOptions recycle = {})
      : max_templates_(max_templates), idle_(recycle) {}

  using Actions = std::vector<TemplateAction>;

  /// A client wants a fork. The waiter's id is new.
  [[nodiscard]] Actions enter(WaiterId waiter, ClientId client, const TemplateKey& key);
  /// One that waits does not want to any more; nothing if its turn has come.
  [[nodiscard]] Actions leave(WaiterId waiter, ClientId client);
  [[nodiscard]] Actions on_loaded(TemplateId of, const grpc::Status& status);
  [[nodiscard]] Actions on_forked(TemplateId of, const grpc::Status& status);

  /// A session of that key has ended in a sandbox that can be reset. Its number is new.
  [[nodiscard]] Actions on_session_end(SandboxNumber sandbox, const TemplateKey& key);
  /// No report: that has failed.
  [[nodiscard]] Actions on_reset(SandboxNumber sandbox, const std::optional<ResetReport>& report);
  /// What was to be reused by the waiter, of that key.
  [[nodiscard]] Actions on_found_dead(WaiterId waiter, ClientId client, const TemplateKey& key);
  /// There is no room for a sandbox. The waiter's id is new.
  [[nodiscard]] Actions make_room(WaiterId waiter);

  /// Releases all, and refuses who comes later. Nobody waits.
  [[nodiscard]] Actions close();

  /// Of a template that is to be loaded.
  [[nodiscard]] const TemplateKey& key(TemplateId of);
  [[nodiscard]] const IdleSandboxes& idle() const { return idle_; }

 private:
  struct Waiter {
    WaiterId id;
    ClientId client;
    bool retried = false;
  };
  struct Template {
    TemplateId id;
    TemplateKey key;
    bool loaded = false;
    bool busy = false;  // being loaded, or forked
    std::optional<Waiter> forked_for{};
    FairQueue<ClientId, Waiter> waiting{};
  };
  using Templates = std::list<Template>;

  Templates::iterator find(TemplateId of);
  Template& find_or_add(const TemplateKey& key);
  static void load(Template& of, Actions& actions);
  void serve_next(Template& of, Actions& actions);
  void release(TemplateId of, Actions& actions);
  void end(SandboxNumber sandbox, Actions& actions);
  void evict(Actions& actions);

  const std::size_t max_templates_;
  Templates templates_;  // most recently used first
  IdleSandboxes idle_;
  std::deque<WaiterId> want_room_;  // and nothing is idle, but something is being reset
  TemplateId last_id_ = 0;
  bool closed_ = false;
};

}  // namespace compiler_gym::isolated

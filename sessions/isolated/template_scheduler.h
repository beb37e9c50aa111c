// When a benchmark is loaded, for whom it is forked, and which one is evicted.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/support/fair_queue.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/client_id.h"

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

  enum class Kind {
    kLoad,         ///< load `of`, for `waiter` among others; then on_loaded()
    kStopLoading,  ///< end that early; on_loaded() follows all the same
    kFork,         ///< fork `of` for `waiter`; then on_forked()
    kRelease,      ///< end the sandbox of `of`
    kComplete,     ///< give `waiter` the status, or what was forked for it if that is OK
  };
  Kind kind;
  TemplateId of = 0;
  WaiterId waiter = 0;
  grpc::Status status{};
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
class TemplateScheduler {
 public:
  using TemplateId = TemplateAction::TemplateId;
  using WaiterId = TemplateAction::WaiterId;

  explicit TemplateScheduler(std::size_t max_templates) : max_templates_(max_templates) {}

  using Actions = std::vector<TemplateAction>;

  /// A client wants a fork. The waiter's id is new.
  [[nodiscard]] Actions enter(WaiterId waiter, ClientId client, const TemplateKey& key);
  /// One that waits does not want to any more; nothing if its turn has come.
  [[nodiscard]] Actions leave(WaiterId waiter, ClientId client);
  [[nodiscard]] Actions on_loaded(TemplateId of, const grpc::Status& status);
  [[nodiscard]] Actions on_forked(TemplateId of, const grpc::Status& status);
  /// Releases all, and refuses who comes later. Nobody waits.
  [[nodiscard]] Actions close();

  /// Of a template that is to be loaded.
  [[nodiscard]] const TemplateKey& key(TemplateId of);

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
  static void serve_next(Template& of, Actions& actions);
  void evict(Actions& actions);

  const std::size_t max_templates_;
  Templates templates_;  // most recently used first
  TemplateId last_id_ = 0;
  bool closed_ = false;
};

}  // namespace compiler_gym::isolated

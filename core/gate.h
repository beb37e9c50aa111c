// Counts operations under way, and tells when the last one has gone.
#pragma once

#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "core/support/unique_resource.h"
#include "core/unique_handler.h"

namespace compiler_gym {

/// What a drain waits on. Operations hold a Pass while they run; closing the gate lets no more in
/// and completes once every pass has been given back.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive its passes. A handler of async_close() may destroy the gate, and what the
///           gate guards: a pass is the first member or local of its operation, given back last.
/// Errors:   a handler of async_close() must not throw, since it may run in a Pass's destructor.
/// Source:   seastar's gate.
class Gate {
 public:
  struct Entry {
    Gate* gate = nullptr;
    explicit operator bool() const { return gate != nullptr; }
    void give_back() noexcept { gate->leave(); }
  };
  /// Held while an operation runs; an empty pass means that the gate was closed.
  using Pass = UniqueResource<Entry>;

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  /// An empty pass once the gate is closed.
  [[nodiscard]] Pass try_enter();

  /// Operations inside.
  [[nodiscard]] std::size_t count() const;

  /// Closes the gate, and completes when nothing is inside. Signature: void(). Any number of
  /// callers. The handler has an executor of its own, to which it is dispatched by the thread that
  /// gave the last pass back, or inside this call if none is out.
  template <boost::asio::completion_token_for<void()> Token>
  auto async_close(Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this](auto handler) { close(UniqueHandler<void()>(std::move(handler))); }, token);
  }

 private:
  void close(UniqueHandler<void()> on_empty);
  void leave();

  mutable std::mutex mutex_;
  std::size_t inside_ = 0;
  bool closed_ = false;
  std::vector<UniqueHandler<void()>> waiters_;
};

}  // namespace compiler_gym

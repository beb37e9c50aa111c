// Any gRPC operation that takes a tag, as an Asio operation that takes a completion token.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

#include "core/completion_tag.h"
#include "core/pending_handler.h"

namespace compiler_gym {
namespace internal {

/// One gRPC operation and the handler that waits for its event. Lives from the initiation to the
/// event.
template <typename Handler, typename Fallback>
class TagOperation final
    : public CompletionTag,
      public PendingHandler<TagOperation<Handler, Fallback>, Handler, Fallback> {
 public:
  using TagOperation::PendingHandler::PendingHandler;

  template <typename Cancel>
  void connect_cancellation(Cancel cancel) {
    if (auto slot = cancellation_slot(); slot.is_connected()) {
      slot.assign([cancel = std::move(cancel)](boost::asio::cancellation_type type) mutable {
        if (type != boost::asio::cancellation_type::none) {
          cancel();
        }
      });
    }
  }

  void on_event(bool ok) override { this->complete(ok); }

  /// Instead of on_event(), if the operation was not started.
  void abandon() {
    if (auto slot = cancellation_slot(); slot.is_connected()) {
      slot.clear();
    }
    this->destroy();
  }

 private:
  auto cancellation_slot() const {
    return boost::asio::get_associated_cancellation_slot(this->handler());
  }
};

struct NotCancellable {};

struct InitiateTag {
  template <typename Handler, typename Executor, typename Initiate, typename Cancel>
  void operator()(Handler handler, Executor fallback, Initiate initiate, Cancel cancel) const {
    using Operation = TagOperation<Handler, Executor>;
    Operation* operation = Operation::make(std::move(handler), fallback);
    try {
      if constexpr (!std::is_same_v<Cancel, NotCancellable>) {
        operation->connect_cancellation(std::move(cancel));
      }
      initiate(operation->armed());
    } catch (...) {
      operation->abandon();
      throw;
    }
  }
};

}  // namespace internal

/// Starts the gRPC operation that `initiate(void* tag)` starts, and completes with its event's
/// `bool ok`.
///
///     bool ok = co_await async_tag(
///         executor, [&](void* tag) { responder.Finish(reply, status, tag); });
///
/// Executor: the handler runs on its associated executor, or on `executor`, that of the pump that
///           reads the queue; on that executor's own threads it runs inline, without a hop.
/// Cancel:   every type, if `cancel` is given: it is called to make gRPC end the operation
///           (TryCancel of a call, Cancel of an alarm), which then completes as gRPC says. Without
///           it the operation cannot be cancelled.
/// Lifetime: what `initiate` refers to must live until completion, as gRPC demands.
template <typename Executor, typename Initiate, typename Cancel,
          boost::asio::completion_token_for<void(bool)> Token>
auto async_tag(const Executor& executor, Initiate initiate, Cancel cancel, Token&& token) {
  return boost::asio::async_initiate<Token, void(bool)>(internal::InitiateTag{}, token, executor,
                                                        std::move(initiate), std::move(cancel));
}

template <typename Executor, typename Initiate,
          boost::asio::completion_token_for<void(bool)> Token = boost::asio::use_awaitable_t<>>
auto async_tag(const Executor& executor, Initiate initiate, Token&& token = Token()) {
  return async_tag(executor, std::move(initiate), internal::NotCancellable{},
                   std::forward<Token>(token));
}

}  // namespace compiler_gym

// Any gRPC operation that takes a tag, as an Asio operation that takes a completion token.
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "core/completion_tag.h"
#include "core/unique_handler.h"

namespace compiler_gym {
namespace internal {

/// One pending operation: a handler waiting for an event. Lives from the initiation to the event, in memory of the
/// handler's associated allocator.
template <typename Handler, typename Fallback>
class TagOperation final : public CompletionTag {
 public:
  using Allocator = typename std::allocator_traits<
      boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<TagOperation>;
  using AllocatorTraits = std::allocator_traits<Allocator>;
  using Executor = decltype(tracked_executor(std::declval<const Handler&>(),
                                             std::declval<const Fallback&>()));

  static TagOperation* make(Handler handler, const Fallback& fallback) {
    Allocator allocator(boost::asio::get_associated_allocator(handler));
    TagOperation* memory = AllocatorTraits::allocate(allocator, 1);
    return ::new (static_cast<void*>(memory)) TagOperation(std::move(handler), fallback);
  }

  template <typename Cancel>
  void connect_cancellation(Cancel cancel) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) {
      slot.assign([cancel = std::move(cancel)](boost::asio::cancellation_type type) mutable {
        if (type != boost::asio::cancellation_type::none) {
          cancel();
        }
      });
    }
  }

  void on_event(bool ok) override {
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler_); slot.is_connected()) {
      slot.clear();
    }
    Handler handler(std::move(handler_));
    Executor executor(std::move(executor_));
    destroy();  // before the handler runs, so that it can reuse the memory
    boost::asio::dispatch(executor, [handler = std::move(handler), ok]() mutable {
      std::move(handler)(ok);
    });
  }

  void destroy() {
    Allocator allocator(boost::asio::get_associated_allocator(handler_));
    this->~TagOperation();
    AllocatorTraits::deallocate(allocator, this, 1);
  }

 private:
  TagOperation(Handler handler, const Fallback& fallback)
      : handler_(std::move(handler)), executor_(tracked_executor(handler_, fallback)) {}
  ~TagOperation() = default;

  Handler handler_;
  Executor executor_;
};

}  // namespace internal

/// Starts the gRPC operation that `initiate(void* tag)` starts, and completes with its event's `bool ok`.
///
///     bool ok = co_await async_tag(executor, [&](void* tag) { responder.Finish(reply, status, tag); });
///
/// Executor: the handler runs on its associated executor, or on `executor`, that of the pump that reads the queue; on
///           that executor's own threads it runs inline, without a hop.
/// Cancel:   every type, if `cancel` is given: it is called to make gRPC end the operation (TryCancel of a call, Cancel
///           of an alarm), which then completes as gRPC says. Without it the operation cannot be cancelled.
/// Lifetime: what `initiate` refers to must live until completion, as gRPC demands.
template <typename Executor, typename Initiate, typename Cancel,
          boost::asio::completion_token_for<void(bool)> Token>
auto async_tag(const Executor& executor, Initiate initiate, Cancel cancel, Token&& token) {
  return boost::asio::async_initiate<Token, void(bool)>(
      [](auto handler, Executor fallback, Initiate start, Cancel stop) {
        using Operation = internal::TagOperation<decltype(handler), Executor>;
        Operation* operation = Operation::make(std::move(handler), fallback);
        try {
          operation->connect_cancellation(std::move(stop));
          start(operation->armed());
        } catch (...) {
          operation->destroy();
          throw;
        }
      },
      token, executor, std::move(initiate), std::move(cancel));
}

template <typename Executor, typename Initiate,
          boost::asio::completion_token_for<void(bool)> Token = boost::asio::use_awaitable_t<>>
auto async_tag(const Executor& executor, Initiate initiate, Token&& token = Token()) {
  return boost::asio::async_initiate<Token, void(bool)>(
      [](auto handler, Executor fallback, Initiate start) {
        using Operation = internal::TagOperation<decltype(handler), Executor>;
        Operation* operation = Operation::make(std::move(handler), fallback);
        try {
          start(operation->armed());
        } catch (...) {
          operation->destroy();
          throw;
        }
      },
      token, executor, std::move(initiate));
}

}  // namespace compiler_gym

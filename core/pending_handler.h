// A completion handler while its operation is under way.
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <memory>
#include <tuple>
#include <utility>

namespace compiler_gym::internal {

/// The executor of `handler` (`fallback` where it names none), kept from running out of work while
/// held.
template <typename Handler, typename Fallback>
auto tracked_executor(const Handler& handler, const Fallback& fallback) {
  return boost::asio::prefer(boost::asio::get_associated_executor(handler, fallback),
                             boost::asio::execution::outstanding_work.tracked);
}

/// A handler with its arguments, as the function an executor runs. It has the handler's allocator,
/// so that an executor which queues it takes the handler's memory.
template <typename Handler, typename... Args>
struct Completion {
  using allocator_type = boost::asio::associated_allocator_t<Handler>;
  [[nodiscard]] allocator_type get_allocator() const noexcept {
    return boost::asio::get_associated_allocator(handler);
  }

  void operator()() {
    // The operation is over, so nothing is left to cancel. Said here, on the handler's executor,
    // because that is where the signal is emitted.
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.clear();
    }
    std::apply(std::move(handler), std::move(arguments));
  }

  Handler handler;
  std::tuple<Args...> arguments;
};
template <typename Handler, typename... Args>
Completion(Handler, std::tuple<Args...>) -> Completion<Handler, Args...>;

/// Base of an `Operation` that waits with a handler. It lies in memory of the handler's associated
/// allocator, keeps the handler's executor from running out of work, and ends in exactly one of
/// complete() and destroy().
template <typename Operation, typename Handler, typename Fallback>
class PendingHandler {
 public:
  template <typename H>
  static Operation* make(H&& handler, const Fallback& fallback) {
    auto allocator = allocator_of(handler);
    using Traits = std::allocator_traits<decltype(allocator)>;
    Operation* memory = Traits::allocate(allocator, 1);
    try {
      return ::new (static_cast<void*>(memory)) Operation(std::forward<H>(handler), fallback);
    } catch (...) {
      Traits::deallocate(allocator, memory, 1);
      throw;
    }
  }

  /// Frees the operation, then dispatches the handler, which can reuse the memory.
  template <typename... Args>
  void complete(Args... args) {
    auto executor = std::move(executor_);
    Completion completion{std::move(handler_), std::tuple<Args...>(std::move(args)...)};
    free_operation(completion.handler);
    boost::asio::dispatch(executor, std::move(completion));
  }

  /// Frees the operation; its handler is never called.
  void destroy() {
    const Handler handler = std::move(handler_);  // may own what its allocator allocates from
    free_operation(handler);
  }

 protected:
  template <typename H>
  PendingHandler(H&& handler, const Fallback& fallback)
      : handler_(std::forward<H>(handler)), executor_(tracked_executor(handler_, fallback)) {}
  ~PendingHandler() = default;

  [[nodiscard]] const Handler& handler() const { return handler_; }

 private:
  static auto allocator_of(const Handler& handler) {
    using Allocator = typename std::allocator_traits<
        boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<Operation>;
    return Allocator(boost::asio::get_associated_allocator(handler));
  }

  void free_operation(const Handler& handler) {
    auto allocator = allocator_of(handler);
    auto* operation = static_cast<Operation*>(this);
    std::destroy_at(operation);
    std::allocator_traits<decltype(allocator)>::deallocate(allocator, operation, 1);
  }

  using Executor =
      decltype(tracked_executor(std::declval<const Handler&>(), std::declval<const Fallback&>()));
  Handler handler_;
  Executor executor_;
};

}  // namespace compiler_gym::internal

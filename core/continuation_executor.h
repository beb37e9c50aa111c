// Where a coroutine runs that follows its operations from thread to thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <type_traits>
#include <utility>

namespace compiler_gym {

/// The executor of a coroutine that is resumed on the thread on which what it awaited ended, with no
/// hop: a hop costs more than most of what it would do there. So `co_await post(pool, use_awaitable)`
/// takes the coroutine to the pool. Only what must not run inside the call that hands it in, such as
/// the end of a coroutine that never waited, is posted to `base`.
/// Threads:  any. One coroutine is on one thread at a time; what it touches needs no other guard.
/// Lifetime: `base` outlives the coroutine.
template <typename Blocking = boost::asio::execution::blocking_t::always_t>
class BasicContinuationExecutor {
 public:
  // By pointer: any_io_executor can be made from one of these, which overload resolution would ask.
  explicit BasicContinuationExecutor(const boost::asio::any_io_executor* base) noexcept
      : base_(base) {}

  template <typename Function>
  void execute(Function&& function) const {
    if constexpr (std::is_same_v<Blocking, boost::asio::execution::blocking_t::never_t>) {
      boost::asio::post(*base_, std::forward<Function>(function));
    } else {
      auto run = std::forward<Function>(function);
      run();
    }
  }

  // The properties that asio::any_io_executor asks for.
  static constexpr boost::asio::execution::blocking_t query(
      boost::asio::execution::blocking_t /*property*/) noexcept {
    return Blocking();
  }
  [[nodiscard]] boost::asio::execution_context& query(
      boost::asio::execution::context_t /*property*/) const noexcept {
    return boost::asio::query(*base_, boost::asio::execution::context);
  }
  [[nodiscard]] auto require(boost::asio::execution::blocking_t::never_t /*property*/) const {
    return BasicContinuationExecutor<boost::asio::execution::blocking_t::never_t>(base_);
  }

  friend bool operator==(const BasicContinuationExecutor& a,
                         const BasicContinuationExecutor& b) noexcept {
    return a.base_ == b.base_;
  }
  friend bool operator!=(const BasicContinuationExecutor& a,
                         const BasicContinuationExecutor& b) noexcept {
    return !(a == b);
  }

 private:
  const boost::asio::any_io_executor* base_;  // one pointer: any_io_executor then needs no memory
};

using ContinuationExecutor = BasicContinuationExecutor<>;

}  // namespace compiler_gym

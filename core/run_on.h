// Runs a function on another executor and comes back with its result.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/pending_handler.h"

namespace compiler_gym {
namespace internal {

/// What calling the function came to, as the arguments of a completion handler.
template <typename Function>
auto outcome_of(Function function) {
  using R = std::invoke_result_t<Function&>;
  if constexpr (std::is_void_v<R>) {
    std::tuple<std::exception_ptr> outcome;
    try {
      function();
    } catch (...) {
      std::get<0>(outcome) = std::current_exception();
    }
    return outcome;
  } else {
    std::tuple<std::exception_ptr, R> outcome;
    try {
      std::get<1>(outcome) = function();
    } catch (...) {
      std::get<0>(outcome) = std::current_exception();
    }
    return outcome;
  }
}

template <typename Outcome>
struct RunOnSignature;
template <typename... Args>
struct RunOnSignature<std::tuple<Args...>> {
  using type = void(Args...);
};

}  // namespace internal

/// Posts `function()` to `executor` and completes with its result, or with the exception it threw.
///
///     auto read = [path] { return parse(path); };
///     Module module = co_await run_on(workers.executor(), std::move(read));
///
/// Name a lambda that captures more than pointers and references, as above: GCC 12 destroys one
/// that is written inside the co_await expression twice.
/// Signature: void(std::exception_ptr, R), or void(std::exception_ptr) if the function returns
///            void; R is default constructible and move-assignable.
/// Executor:  the handler runs on its associated executor; one without runs on `executor`, where
///            the function ran. The function and what it captured are destroyed before, on
///            `executor`.
/// Cancel:    not supported: what is posted runs.
template <typename Executor, typename Function, typename Token = boost::asio::use_awaitable_t<>>
auto run_on(const Executor& executor, Function function, Token&& token = Token()) {
  using Outcome = decltype(internal::outcome_of(std::move(function)));
  using Signature = typename internal::RunOnSignature<Outcome>::type;
  return boost::asio::async_initiate<Token, Signature>(
      [](auto handler, Executor target, Function work) {
        auto handler_executor = internal::tracked_executor(handler, target);
        boost::asio::post(target, [handler = std::move(handler), work = std::move(work),
                                   handler_executor = std::move(handler_executor)]() mutable {
          // The function is gone before the handler runs: what it captured may be what the handler
          // ends.
          Outcome outcome = internal::outcome_of(std::move(work));
          boost::asio::dispatch(handler_executor,
                                internal::Completion{std::move(handler), std::move(outcome)});
        });
      },
      token, executor, std::move(function));
}

}  // namespace compiler_gym

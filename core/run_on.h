// Runs a function on another executor and comes back with its result.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/unique_handler.h"

namespace compiler_gym {
namespace internal {

template <typename Result>
struct RunOnSignature {
  using type = void(std::exception_ptr, Result);
};
template <>
struct RunOnSignature<void> {
  using type = void(std::exception_ptr);
};

}  // namespace internal

/// Posts `function()` to `executor` and completes with its result, or with the exception it threw.
///
///     Module module = co_await run_on(workers.executor(), [path] { return parse(path); });
///
/// Signature: void(std::exception_ptr, R), or void(std::exception_ptr) if the function returns void; R is default
///            constructible and movable.
/// Executor:  the handler runs on its associated executor; one without runs on `executor`, where the function ran.
/// Cancel:    not supported: what is posted runs.
template <typename Executor, typename Function,
          typename Token = boost::asio::use_awaitable_t<>>
auto run_on(const Executor& executor, Function function, Token&& token = Token()) {
  using R = std::invoke_result_t<Function&>;
  using Signature = typename internal::RunOnSignature<R>::type;
  return boost::asio::async_initiate<Token, Signature>(
      [](auto handler, Executor target, Function work) {
        auto completion_executor = tracked_executor(handler, target);
        boost::asio::post(target, [handler = std::move(handler), work = std::move(work),
                                   completion_executor]() mutable {
          std::exception_ptr error;
          if constexpr (std::is_void_v<R>) {
            try {
              work();
            } catch (...) {
              error = std::current_exception();
            }
            boost::asio::dispatch(completion_executor,
                                  [handler = std::move(handler), error]() mutable {
                                    std::move(handler)(std::move(error));
                                  });
          } else {
            R result{};
            try {
              result = work();
            } catch (...) {
              error = std::current_exception();
            }
            boost::asio::dispatch(
                completion_executor,
                [handler = std::move(handler), error, result = std::move(result)]() mutable {
                  std::move(handler)(std::move(error), std::move(result));
                });
          }
        });
      },
      token, executor, std::move(function));
}

}  // namespace compiler_gym

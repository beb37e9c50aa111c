// Runs several coroutines at the same time and waits for the last.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "core/gate.h"

namespace compiler_gym {

/// Spawns `make_coroutine(i)` for 0 <= i < count on the caller's executor and completes when all have
/// ended. If any threw, rethrows the first exception, once the others have ended too.
/// Cancel: not passed on to the coroutines; end them by means of their own.
template <typename MakeCoroutine>
boost::asio::awaitable<void> run_together(int count, MakeCoroutine make_coroutine) {
  Gate running;
  std::exception_ptr failure;
  const auto executor = co_await boost::asio::this_coro::executor;
  for (int i = 0; i < count; ++i) {
    boost::asio::co_spawn(executor, make_coroutine(i),
                          [&failure, pass = running.try_enter()](std::exception_ptr error) {
                            if (error != nullptr && failure == nullptr) {
                              failure = error;
                            }
                          });
  }
  co_await running.async_close(boost::asio::use_awaitable);
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

}  // namespace compiler_gym

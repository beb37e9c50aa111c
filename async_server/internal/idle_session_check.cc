#include "async_server/internal/idle_session_check.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "async_server/internal/log_exception.h"

namespace compiler_gym::internal {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

void IdleSessionCheck::start() {
  if (ttl_.count() <= 0) {
    return;
  }
  boost::asio::co_spawn(
      strand_, end_idle_sessions(),
      [&logger = logger_, pass = running_.try_enter()](const std::exception_ptr& error) {
        log_exception(logger, "idle session check", error);
      });
}

awaitable<void> IdleSessionCheck::stop() {
  stopping_ = true;
  next_check_.cancel();
  co_await running_.async_close(use_awaitable);
}

awaitable<void> IdleSessionCheck::end_idle_sessions() {
  while (!stopping_) {
    next_check_.expires_after(
        std::max<Clock::duration>(Clock::duration(ttl_) / 4, std::chrono::milliseconds(1)));
    co_await next_check_.async_wait(boost::asio::as_tuple(use_awaitable));
    if (const std::size_t ended = sessions_.end_idle_sessions(ttl_); ended > 0) {
      logger_.info("ended {} sessions idle for {} ms", ended, ttl_.count());
    }
  }
}

}  // namespace compiler_gym::internal

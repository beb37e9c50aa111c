#include "core/posix/process_end.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/posix/wait_readable.h"

namespace compiler_gym {

namespace asio = boost::asio;

// Looks for itself when it is woken: a reactor may wake a wait without a reason.
asio::awaitable<boost::system::error_code> async_wait_ended(asio::posix::stream_descriptor& pidfd) {
  pollfd ended{pidfd.native_handle(), POLLIN, 0};
  do {
    const auto [error] =
        co_await pidfd.async_wait(pidfd.wait_read, asio::as_tuple(asio::use_awaitable));
    if (error) {
      co_return error;
    }
  } while (wait_readable({&ended, 1}, std::chrono::milliseconds(0)) != 1);
  co_return boost::system::error_code();
}

}  // namespace compiler_gym

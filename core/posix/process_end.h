// Waiting for a process that need not be a child.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

namespace compiler_gym {

/// Completes once the process that the pidfd refers to has ended, however it did; or with
/// operation_aborted if the wait was cancelled.
/// Lifetime: the descriptor outlives it.
[[nodiscard]] boost::asio::awaitable<boost::system::error_code> async_wait_ended(
    boost::asio::posix::stream_descriptor& pidfd);

}  // namespace compiler_gym

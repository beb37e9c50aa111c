// The deadline is a timer of ours: gRPC's Shutdown() is given none, since gRPC could not bring one
// nearer when a second signal comes. When it has passed the front cancels all calls; their stop
// sources then end the steps, and the answers go nowhere.
//
// A front can also have to wait for clients that have nothing under way: gRPC's Shutdown() waits for
// their connections to be told goodbye, which an idle Python client notices after seconds and a
// stopped one never. So once no call runs, the front is asked to cut what is left.
#include "async_server/internal/drain.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace compiler_gym::internal {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

bool Drain::request(Clock::duration grace) {
  if (!controller_.request(Clock::now(), grace)) {
    return false;
  }
  timer_.cancel();  // looks at the new deadline
  return true;
}

awaitable<void> Drain::finish_calls(ServiceFront& front, Admission& admission,
                                    SessionService& sessions, Logger& logger) {
  using boost::asio::experimental::awaitable_operators::operator&&;
  Gate& running_calls = admission.running_calls();
  co_await (close(front, running_calls) && wait_for_calls(running_calls) &&
            enforce_deadline(front, sessions, logger));
}

awaitable<void> Drain::close(ServiceFront& front, Gate& running_calls) {
  co_await front.close();
  co_await running_calls.async_close(use_awaitable);
  closed_ = true;
  timer_.cancel();
}

awaitable<void> Drain::wait_for_calls(Gate& running_calls) {
  co_await running_calls.async_close(use_awaitable);
  no_call_runs_ = true;
  timer_.cancel();
}

awaitable<void> Drain::enforce_deadline(ServiceFront& front, SessionService& sessions,
                                        Logger& logger) {
  constexpr auto kRepeatInterval = std::chrono::milliseconds(10);
  bool announced = false;
  while (!closed_) {
    const Clock::time_point now = Clock::now();
    if (!no_call_runs_ && !controller_.overdue(now)) {
      timer_.expires_at(*controller_.deadline());
    } else {
      if (!no_call_runs_ && !announced) {
        announced = true;
        logger.info("drain: the deadline has passed, cancelling what still runs");
        // First what waits behind it: of two calls that are cancelled, either can be told first, so
        // a step could take the turn of the one before it and run after all.
        sessions.drop_waiting();
      }
      // Again and again: gRPC may bring calls, of a connection made before the listener closed, that
      // the first time missed.
      front.cancel_calls();
      timer_.expires_at(now + kRepeatInterval);
    }
    // Expired or cancelled, it is time to look.
    co_await timer_.async_wait(boost::asio::as_tuple(use_awaitable));
  }
}

}  // namespace compiler_gym::internal

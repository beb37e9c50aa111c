#include "sessions/graph/executor_seat.h"

#include <boost/asio/post.hpp>
#include <cassert>

namespace compiler_gym::graph {

bool ExecutorSeat::try_take() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(taken_, true);
}

void ExecutorSeat::take(UniqueHandler<void()> handler) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(taken_, true)) {
      assert(!waiting_ && "one request of a session at a time");
      waiting_ = std::move(handler);
      return;
    }
  }
  handler();
}

// Whose turn it is goes on elsewhere, not inside of who has had his.
void ExecutorSeat::give_back() {
  UniqueHandler<void()> next;
  {
    const std::lock_guard lock(mutex_);
    next = std::move(waiting_);
    taken_ = static_cast<bool>(next);
  }
  if (next) {
    boost::asio::post(workers_.executor(), std::move(next));
  }
}

}  // namespace compiler_gym::graph

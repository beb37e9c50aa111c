#include "core/gate.h"

#include <cassert>

namespace compiler_gym {

Gate::~Gate() {
  assert(inside_ == 0 && "a gate outlives every pass it gave out");
}

Gate::Pass Gate::try_enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    return Pass();
  }
  ++inside_;
  return Pass(Entry{this});
}

std::size_t Gate::count() const {
  const std::lock_guard lock(mutex_);
  return inside_;
}

void Gate::close(UniqueHandler<void()> on_empty) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (inside_ != 0) {
      waiters_.push_back(std::move(on_empty));
      return;
    }
  }
  on_empty();
}

void Gate::leave() {
  std::vector<UniqueHandler<void()>> ready;
  {
    const std::lock_guard lock(mutex_);
    assert(inside_ > 0);
    if (--inside_ == 0 && closed_) {
      ready.swap(waiters_);
    }
  }
  // From here on `this` may be gone: a handler is allowed to destroy the gate.
  for (auto& handler : ready) {
    handler();
  }
}

}  // namespace compiler_gym

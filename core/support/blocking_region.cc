#include "core/support/blocking_region.h"

namespace compiler_gym {
namespace {

thread_local BlockingRegion::Observer* observer = nullptr;
thread_local int regions = 0;

}  // namespace

void BlockingRegion::set_observer(Observer& its_observer) noexcept {
  observer = &its_observer;
}

BlockingRegion::BlockingRegion() noexcept {
  if (++regions == 1 && observer != nullptr) {
    observer->on_blocked();
  }
}

BlockingRegion::~BlockingRegion() {
  if (--regions == 0 && observer != nullptr) {
    observer->on_unblocked();
  }
}

}  // namespace compiler_gym

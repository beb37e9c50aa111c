#include "sessions/llvm/costs/baseline_costs.h"

#include <pthread.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "core/support/blocking_region.h"

namespace compiler_gym {

struct BaselineCosts::Slot {
  pthread_mutex_t mutex;
  enum State : std::uint8_t { kUnknown, kValue, kFailure } state;
  std::int64_t value;
  std::size_t text_size;
  std::array<char, 376> text;
};

BaselineCosts::BaselineCosts() {
  void* memory = mmap(nullptr, kSize * sizeof(Slot), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "memory for a benchmark's baselines");
  }
  slots_ = static_cast<Slot*>(memory);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  for (std::size_t i = 0; i < kSize; ++i) {
    pthread_mutex_init(&slots_[i].mutex, &attributes);
  }
  pthread_mutexattr_destroy(&attributes);
}

// The mutexes are not destroyed: other processes may be using theirs, which is the same.
BaselineCosts::~BaselineCosts() {
  munmap(slots_, kSize * sizeof(Slot));
}

BaselineCosts::Lock::Lock(BaselineCosts& costs, std::size_t index) : slot_(costs.slots_[index]) {
  int locked = pthread_mutex_trylock(&slot_.mutex);
  if (locked == EBUSY) {
    const BlockingRegion waiting;
    locked = pthread_mutex_lock(&slot_.mutex);
  }
  if (locked == EOWNERDEAD) {
    // Who held it has written nothing, or all of it: what is known comes before that it is.
    pthread_mutex_consistent(&slot_.mutex);
  }
}

BaselineCosts::Lock::~Lock() {
  pthread_mutex_unlock(&slot_.mutex);
}

bool BaselineCosts::known(std::size_t index) const {
  return slots_[index].state != Slot::kUnknown;
}

Result<std::int64_t> BaselineCosts::answer(std::size_t index) const {
  const Slot& slot = slots_[index];
  if (slot.state == Slot::kFailure) {
    return invalid_argument(std::string(slot.text.data(), slot.text_size));
  }
  return slot.value;
}

void BaselineCosts::set(std::size_t index, std::int64_t value) {
  slots_[index].value = value;
  slots_[index].state = Slot::kValue;
}

void BaselineCosts::set_failure(std::size_t index, const std::string& text) {
  Slot& slot = slots_[index];
  slot.text_size = text.copy(slot.text.data(), slot.text.size());
  slot.state = Slot::kFailure;
}

}  // namespace compiler_gym

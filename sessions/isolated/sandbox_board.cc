#include "sessions/isolated/sandbox_board.h"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <memory>
#include <system_error>

namespace compiler_gym::isolated {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

SandboxBoard::SandboxBoard(std::size_t size) : size_(size) {
  // Fresh pages are zero, and an atomic zero is what a slot starts as: constructing them would
  // touch memory that mostly is never used.
  void* memory = mmap(nullptr, size * sizeof(SandboxSlot), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "memory shared with sandboxes");
  }
  slots_ = static_cast<SandboxSlot*>(memory);
}

SandboxBoard::~SandboxBoard() {
  munmap(slots_, size_ * sizeof(SandboxSlot));
}

std::optional<std::uint32_t> SandboxBoard::take() {
  const std::lock_guard lock(mutex_);
  if (!free_.empty()) {
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  if (never_taken_ == size_) {
    return std::nullopt;
  }
  return never_taken_++;
}

void SandboxBoard::give_back(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

}  // namespace compiler_gym::isolated

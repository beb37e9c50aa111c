// What the service and a sandbox process tell each other while the sandbox is busy.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace compiler_gym::isolated {

/// One sandbox's line on the board. Alone in its cache line: it is written with every action.
struct alignas(64) SandboxSlot {
  /// Written by the service: the number of the request that is to end early.
  std::atomic<std::uint64_t> cancelled_request{0};
  /// How many actions, or parameters, of the request have been applied. Set to kNotBegun by the
  /// service; counted by the sandbox from 0, once it has read the request.
  std::atomic<std::uint32_t> applied{0};
  /// Of these, those that changed the session: all but the parameters that are queries.
  std::atomic<std::uint32_t> changes{0};
};

/// Memory that the service shares with all its sandboxes, because it is mapped before the first of
/// them is forked. It tells how far a request got in a sandbox that died of it, which the sandbox
/// can't say any more, and asks a busy sandbox to stop, which does not read its socket: both at the
/// price of a store, where a message would cost a system call for every action.
/// Threads:  every member may be called from any thread.
/// Lifetime: in the service, must outlive its slots.
class SandboxBoard {
 public:
  /// Throws std::system_error if the memory can't be had. Untouched slots take none.
  explicit SandboxBoard(std::size_t size);
  SandboxBoard(const SandboxBoard&) = delete;
  SandboxBoard& operator=(const SandboxBoard&) = delete;
  ~SandboxBoard();

  /// A free slot's number; none if all are taken.
  [[nodiscard]] std::optional<std::uint32_t> take();
  void give_back(std::uint32_t slot);

  [[nodiscard]] SandboxSlot& operator[](std::uint32_t slot) const { return slots_[slot]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  const std::size_t size_;
  SandboxSlot* slots_;

  std::mutex mutex_;  // guards what follows, which is the service's alone
  std::vector<std::uint32_t> free_;
  std::uint32_t never_taken_ = 0;
};

}  // namespace compiler_gym::isolated

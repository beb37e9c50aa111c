// The one door to LLVM for whatever works on a client's program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "core/support/status.h"
#include "sessions/llvm/ir/crash_recovery.h"

namespace compiler_gym {

/// How a call of LLVM ended.
struct LlvmCall {
  enum class End {
    kReturned,
    kCrashed,     ///< `reason` says with what; see run_recovering()
    kNotStarted,  ///< a stop had been requested
  };

  End end = End::kReturned;
  std::string doing;
  std::string reason;
  /// Of a crash: whether there was no memory left. All that is said of crashes goes for it but that
  /// it is the program's fault, or would happen again.
  bool out_of_memory = false;

  [[nodiscard]] bool returned() const { return end == End::kReturned; }
  [[nodiscard]] bool crashed() const { return end == End::kCrashed; }

  /// OK; DATA_LOSS `LLVM crashed while <doing>: <reason>`; RESOURCE_EXHAUSTED if that was for want of
  /// memory; CANCELLED. What is the fault of a
  /// benchmark, as opposed to that of what a session has made of it, is not for this to say.
  [[nodiscard]] grpc::Status status() const;
};

/// What crashes have cost this process. A crash leaks what the call was working on.
struct CrashLosses {
  std::uint64_t crashes = 0;
  std::uint64_t leaked_bytes = 0;  ///< estimated, see call_llvm()
};

/// Beyond this, a process starts no more sessions and generates no more code: see
/// refuse_after_losses().
inline constexpr std::uint64_t kMaxLeakedBytes = std::uint64_t{1} << 30;

[[nodiscard]] CrashLosses crash_losses();

/// RESOURCE_EXHAUSTED when crashes have leaked more than `max_leaked_bytes`: a process in which
/// clients make LLVM crash again and again would grow without bound. OK otherwise. What sessions do
/// that are open already is not refused; each can crash once.
[[nodiscard]] grpc::Status refuse_after_losses(std::uint64_t max_leaked_bytes = kMaxLeakedBytes);

/// Adds to the losses, for what was allocated before the call that crashed.
void count_leaked_bytes(std::uint64_t bytes);

namespace internal {
[[nodiscard]] std::uint64_t pages_touched_by_this_thread();
void count_crash(std::uint64_t pages);
}  // namespace internal

/// Calls `function()`, which works on a client's program by means of LLVM, unless a stop has been
/// requested, and survives its crash: what run_recovering() says of that goes for this too. The text
/// is what LLVM is doing, for instance `verifying the module`.
///
/// Losses: of a call that crashes the pages count that this thread has touched for the first time
///         meanwhile. It is an estimate, but one that needs no bookkeeping by the allocator.
/// Limits: a stop is not noticed while LLVM runs.
template <typename Function>
[[nodiscard]] LlvmCall call_llvm(std::string_view doing, const std::stop_token& stop_token,
                                 Function&& function) {
  if (stop_token.stop_requested()) {
    return {LlvmCall::End::kNotStarted, std::string(doing), {}, false};
  }
  const std::uint64_t pages = internal::pages_touched_by_this_thread();
  std::optional<std::string> crash = run_recovering(function);
  if (!crash.has_value()) {
    return {};
  }
  internal::count_crash(internal::pages_touched_by_this_thread() - pages);
  return {LlvmCall::End::kCrashed, std::string(doing), *std::move(crash),
          last_crash_was_out_of_memory()};
}

}  // namespace compiler_gym

// Survives a pass that crashes: the process goes on, what the pass was working on is lost.
#pragma once

#include <optional>
#include <string>
#include <type_traits>

namespace compiler_gym {

/// Makes run_recovering() work in this process, from then on: installs handlers for SIGSEGV,
/// SIGBUS, SIGFPE, SIGILL, SIGABRT and SIGTRAP, and for LLVM's fatal errors. A crash outside of
/// run_recovering() ends the process as before. Idempotent.
/// Threads:  any, but not while another thread is installing handlers for these signals.
void enable_crash_recovery();

namespace internal {
std::optional<std::string> run_recovering(void (*function)(void*), void* argument);
}

/// Runs `function()` and returns nothing if it came back. If it crashed: what with, for instance
/// `LLVM ERROR: Cannot select: ...` or `signal 11 (Segmentation fault)`.
///
/// After a crash nobody knows the state of what the function touched, so the caller must let go of
/// it without destroying it: that leaks on purpose. No destructor between here and the crash has
/// run. A function that throws counts as crashed as well: LLVM is built without exceptions, and is
/// no better for one passing through.
///
/// Stack:    overflow is caught, as the handlers run on a stack of their own.
/// Nesting:  the innermost call sees the crash.
/// Memory:   running out of it, LLVM's way or by std::bad_alloc, is a crash as well; see
///           last_crash_was_out_of_memory().
/// Limits:   can't stop a function that hangs, nor one that has damaged the heap.
template <typename Function>
[[nodiscard]] std::optional<std::string> run_recovering(Function&& function) {
  using F = std::remove_reference_t<Function>;
  return internal::run_recovering([](void* argument) { (*static_cast<F*>(argument))(); },
                                  const_cast<std::remove_const_t<F>*>(&function));
}

/// Of the last crash that run_recovering() has told this thread of: whether there was no memory left,
/// which is nobody's fault in particular, and may be over next time.
[[nodiscard]] bool last_crash_was_out_of_memory();

}  // namespace compiler_gym

#include "sessions/llvm/ir/crash_recovery.h"

#include <llvm/Support/ErrorHandling.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>

namespace compiler_gym {
namespace {

constexpr std::array kCrashSignals{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

// What run_recovering() comes back to. On its stack: a step enters it several times, and should not
// have to ask for memory to do so, as with llvm::CrashRecoveryContext.
struct Recovery {
  sigjmp_buf entry;
  Recovery* outer = nullptr;
  volatile int signal = 0;  // 0: a fatal error
  volatile bool out_of_memory = false;
};

thread_local Recovery* innermost = nullptr;

// The reason of the fatal error this thread is dying of. Trivial, so that it can be written in the
// middle of one.
thread_local std::array<char, 1024> fatal_error_reason{};

thread_local bool last_was_out_of_memory = false;

// Called where LLVM gives up. If this returns, the process ends.
void on_fatal_error(void* /*user_data*/, const char* reason, bool /*gen_crash_diagnostics*/) {
  if (innermost == nullptr) {
    return;
  }
  const std::size_t length = std::min(std::strlen(reason), fatal_error_reason.size() - 1);
  std::memcpy(fatal_error_reason.data(), reason, length);
  fatal_error_reason[length] = '\0';
  siglongjmp(innermost->entry, 1);
}

// Called where LLVM gives up for want of memory.
void on_out_of_memory(void* user_data, const char* reason, bool gen_crash_diagnostics) {
  if (innermost != nullptr) {
    innermost->out_of_memory = true;
  }
  on_fatal_error(user_data, reason, gen_crash_diagnostics);
}

// What was there before enable_crash_recovery(): the default, or a sanitizer's.
std::array<struct sigaction, kCrashSignals.size()> previous_actions{};

void on_crash_signal(int signal) {
  if (innermost == nullptr) {
    // Whoever was here before is to see it: the signal, once this handler returns.
    const auto* found = std::ranges::find(kCrashSignals, signal);
    sigaction(signal, &previous_actions[static_cast<std::size_t>(found - kCrashSignals.begin())],
              nullptr);
    std::raise(signal);
    return;
  }
  // Blocked while the handler runs, which never returns.
  sigset_t this_signal;
  sigemptyset(&this_signal);
  sigaddset(&this_signal, signal);
  pthread_sigmask(SIG_UNBLOCK, &this_signal, nullptr);
  innermost->signal = signal;
  siglongjmp(innermost->entry, 1);
}

// Whether it came back. The jump ends here, so nothing but the parameters may be looked at after it.
[[gnu::noinline]] bool call(Recovery& recovery, void (*function)(void*), void* argument,
                            std::exception_ptr& exception) {
  if (sigsetjmp(recovery.entry, /*savemask=*/0) != 0) {
    return false;
  }
  try {
    function(argument);
  } catch (...) {
    exception = std::current_exception();
  }
  return true;
}

std::atomic<bool> crash_survived{false};

// A stack for signal handlers of this thread, without which an overflow of its own stack can't be
// handled. Sanitizers give their threads one; it is theirs, and is left alone.
class AlternateStack {
 public:
  AlternateStack() {
    stack_t present{};
    if (sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) {
      return;
    }
    void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      throw std::system_error(errno, std::generic_category(), "stack for signal handlers");
    }
    memory_ = memory;
    stack_t stack{};
    stack.ss_sp = memory_;
    stack.ss_size = kSize;
    if (sigaltstack(&stack, nullptr) != 0) {
      const int error = errno;
      munmap(memory_, kSize);
      throw std::system_error(error, std::generic_category(), "stack for signal handlers");
    }
  }
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack() {
    if (memory_ != nullptr) {
      stack_t none{};
      none.ss_flags = SS_DISABLE;
      sigaltstack(&none, nullptr);
      munmap(memory_, kSize);
    }
  }

 private:
  static constexpr std::size_t kSize = 64 * 1024;
  void* memory_ = nullptr;
};

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
// Asked by LeakSanitizer at the end of the process: what a crash leaves behind is leaked on purpose.
extern "C" int __lsan_is_turned_off() {  // NOLINT(bugprone-reserved-identifier): its name for it
  return crash_survived ? 1 : 0;
}
#endif

void enable_crash_recovery() {
  [[maybe_unused]] static const bool enabled = [] {
    for (std::size_t i = 0; i < kCrashSignals.size(); ++i) {
      struct sigaction action{};
      action.sa_handler = on_crash_signal;
      action.sa_flags = SA_ONSTACK;
      if (sigaction(kCrashSignals[i], &action, &previous_actions[i]) != 0) {
        throw std::system_error(errno, std::generic_category(), "handlers for crashes");
      }
    }
    llvm::install_fatal_error_handler(on_fatal_error);
    llvm::install_bad_alloc_error_handler(on_out_of_memory);
    return true;
  }();
}

std::optional<std::string> internal::run_recovering(void (*function)(void*), void* argument) {
  thread_local const AlternateStack alternate_stack;
  fatal_error_reason[0] = '\0';
  std::exception_ptr exception;
  Recovery recovery;
  recovery.outer = innermost;
  innermost = &recovery;
  const bool came_back = call(recovery, function, argument, exception);
  innermost = recovery.outer;
  if (came_back && exception == nullptr) {
    return std::nullopt;
  }
  crash_survived = true;
  last_was_out_of_memory = recovery.out_of_memory;
  if (exception != nullptr) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::bad_alloc& error) {
      last_was_out_of_memory = true;
      return std::string("exception: ") + error.what();
    } catch (const std::exception& error) {
      return std::string("exception: ") + error.what();
    } catch (...) {
      return "exception";
    }
  }
  if (fatal_error_reason[0] != '\0') {
    std::string reason = std::string("LLVM ERROR: ") + fatal_error_reason.data();
    fatal_error_reason[0] = '\0';  // not that of a call around this one
    return reason;
  }
  const int signal = recovery.signal;
  return "signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

bool last_crash_was_out_of_memory() {
  return last_was_out_of_memory;
}

}  // namespace compiler_gym

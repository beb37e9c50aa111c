#include "sessions/llvm/ir/crash_recovery.h"

#include <llvm/Support/CrashRecoveryContext.h>
#include <llvm/Support/ErrorHandling.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <exception>
#include <system_error>

namespace compiler_gym {
namespace {

constexpr std::array kCrashSignals{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

// The reason of the fatal error this thread is dying of. Trivial, so that it can be written in the
// middle of one.
thread_local std::array<char, 1024> fatal_error_reason{};

// Called where LLVM gives up, for want of memory too. If this returns, the process ends.
void on_fatal_error(void* /*user_data*/, const char* reason, bool /*gen_crash_diagnostics*/) {
  llvm::CrashRecoveryContext* recovery = llvm::CrashRecoveryContext::GetCurrent();
  if (recovery == nullptr) {
    return;
  }
  const std::size_t length = std::min(std::strlen(reason), fatal_error_reason.size() - 1);
  std::memcpy(fatal_error_reason.data(), reason, length);
  fatal_error_reason[length] = '\0';
  recovery->HandleExit(1);
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
    sigaltstack(&stack, nullptr);
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
    llvm::CrashRecoveryContext::Enable();
    // LLVM installs its handlers without this flag.
    for (const int signal : kCrashSignals) {
      struct sigaction action{};
      sigaction(signal, nullptr, &action);
      action.sa_flags |= SA_ONSTACK;
      sigaction(signal, &action, nullptr);
    }
    llvm::install_fatal_error_handler(on_fatal_error);
    llvm::install_bad_alloc_error_handler(on_fatal_error);
    return true;
  }();
}

std::optional<std::string> internal::run_recovering(void (*function)(void*), void* argument) {
  thread_local const AlternateStack alternate_stack;
  fatal_error_reason[0] = '\0';
  std::exception_ptr exception;
  llvm::CrashRecoveryContext recovery;
  const bool came_back = recovery.RunSafely([&] {
    try {
      function(argument);
    } catch (...) {
      exception = std::current_exception();
    }
  });
  if (came_back && exception == nullptr) {
    return std::nullopt;
  }
  crash_survived = true;
  if (exception != nullptr) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& error) {
      return std::string("exception: ") + error.what();
    } catch (...) {
      return "exception";
    }
  }
  if (fatal_error_reason[0] != '\0') {
    return std::string("LLVM ERROR: ") + fatal_error_reason.data();
  }
  // The exit code a shell would see: 128 and the signal.
  const int signal = recovery.RetCode - 128;
  return "signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

}  // namespace compiler_gym

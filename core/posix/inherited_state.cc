#include "core/posix/inherited_state.h"

#include <fmt/core.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace compiler_gym {
namespace {

grpc::Status failed(const char* what) {
  return internal_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

// The C library keeps some for itself, and two can't be changed.
bool has_a_disposition(int signal) {
  return signal != SIGKILL && signal != SIGSTOP && (signal < 32 || signal >= SIGRTMIN);
}

}  // namespace

grpc::Status reset_inherited_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    if (!has_a_disposition(signal)) {
      continue;
    }
    struct sigaction present{};
    if (sigaction(signal, nullptr, &present) != 0) {
      return failed("sigaction");
    }
    // What has a handler got it in this process: a sanitizer's, or an embedder's.
    const bool ignored =
        (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_IGN;  // NOLINT: a union
    // What nohup, or a shell's `&`, ignores is meant for this process.
    if (ignored && signal != SIGHUP && signal != SIGQUIT) {
      struct sigaction standard{};
      standard.sa_handler = SIG_DFL;  // NOLINT(cppcoreguidelines-pro-type-union-access): POSIX's
      if (sigaction(signal, &standard, nullptr) != 0) {
        return failed("sigaction");
      }
    }
  }
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;  // NOLINT(cppcoreguidelines-pro-type-union-access): POSIX's
  if (sigaction(SIGPIPE, &ignore, nullptr) != 0) {
    return failed("sigaction");
  }
  sigset_t none;
  sigemptyset(&none);
  if (const int error = pthread_sigmask(SIG_SETMASK, &none, nullptr); error != 0) {
    errno = error;
    return failed("pthread_sigmask");
  }
  return grpc::Status::OK;
}

Result<rlim_t> raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return failed("getrlimit(RLIMIT_NOFILE)");
  }
  if (limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return failed("setrlimit(RLIMIT_NOFILE)");
    }
  }
  return limit.rlim_cur;
}

}  // namespace compiler_gym

#include "core/posix/inherited_state.h"

#include <dirent.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

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
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    if (sigaction(signal, &ignore, nullptr) != 0) {
      return failed("sigaction");
    }
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

void close_descriptors_except(int kept) {
  const auto number = static_cast<unsigned>(kept);
  if ((number == STDERR_FILENO + 1 || close_range(STDERR_FILENO + 1, number - 1, 0) == 0) &&
      close_range(number + 1, ~0U, 0) == 0) {
    return;
  }
  std::vector<int> open;
  if (const std::unique_ptr<DIR, int (*)(DIR*)> list(opendir("/proc/self/fd"), &closedir);
      list != nullptr) {
    while (const dirent* entry = readdir(list.get())) {
      open.push_back(std::atoi(entry->d_name));
    }
  }
  for (const int fd : open) {
    if (fd > STDERR_FILENO && fd != kept) {
      close(fd);  // of the list itself too, which is closed already
    }
  }
}

}  // namespace compiler_gym

// pidfd_open() and pidfd_send_signal(), as the manual has them. glibc's own are there since 2.36 only, and what is built here
// is to run where it is older.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>

namespace compiler_gym {

inline int pidfd_open(pid_t pid, unsigned flags) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, flags));
}

inline int pidfd_send_signal(int pidfd, int number, siginfo_t* info, unsigned flags) {
  return static_cast<int>(syscall(SYS_pidfd_send_signal, pidfd, number, info, flags));
}

}  // namespace compiler_gym

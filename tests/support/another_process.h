// A test's code in a process of its own, as it changes what is the process's or ends it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace compiler_gym::testing {

/// Forks, and ends the new process with what `function` returns. Returns its exit status, or minus the
/// number of the signal that ended it. The caller must have one thread.
inline int in_another_process(const std::function<int()>& function) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(function());
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      ADD_FAILURE() << "waitpid";
      return -1;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace compiler_gym::testing

#include "sessions/isolated/sandbox_reply.h"

#include <fmt/core.h>
#include <sys/wait.h>

#include <cstring>

#include "sessions/isolated/sandbox_process.h"

namespace compiler_gym::isolated {

std::string describe_end(int how) {
  if (how == kEndUnknown) {
    return "its sandbox process has ended";
  }
  if (WIFSIGNALED(how)) {
    return fmt::format("its sandbox process was ended by signal {} ({})", WTERMSIG(how),
                       strsignal(WTERMSIG(how)));
  }
  if (WEXITSTATUS(how) == kExitOutOfMemory) {
    return "its sandbox process reached its limit of memory";
  }
  if (WEXITSTATUS(how) == kExitNotLimited) {
    return "its sandbox process could not be limited";
  }
  return fmt::format("its sandbox process ended with exit status {}", WEXITSTATUS(how));
}

}  // namespace compiler_gym::isolated

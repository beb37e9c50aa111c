#include "core/posix/servant.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "core/posix/inherited_state.h"

namespace compiler_gym {

void become_servant(const char* name, const FileDescriptor& socket) {
  // These can't fail here: a forked process leads no group, and the rest are settings of its own.
  setsid();
  prctl(PR_SET_NAME, name);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) {
    std::signal(signal, SIG_IGN);
  }
  const FileDescriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null || dup2(null.get(), STDIN_FILENO) < 0) {
    close(STDIN_FILENO);  // a terminal is the service's, if anybody's
  }
  close_descriptors_except(socket.get());
}

}  // namespace compiler_gym

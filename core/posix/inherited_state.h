// What a process has from the one that started it.
#pragma once

#include <sys/resource.h>

#include "core/support/status.h"

namespace compiler_gym {

/// Signal dispositions and the signal mask are inherited over exec, and so a parent that ignores
/// SIGCHLD makes its children's children end unheard: waitpid() fails, and their statuses are lost.
/// Sets every signal that is ignored to its default, but for SIGHUP and SIGQUIT, which nohup and shells
/// ignore on purpose, and SIGPIPE and SIGXFSZ, which are ignored from then on: a reader that goes away, or
/// a file that is as large as it may be, is the business of who writes, by EPIPE and EFBIG. Unblocks all.
/// To be called first in main(), while there is one thread. What is executed from then on needs the
/// defaults of these two back.
/// Errors: INTERNAL with the system's reason.
[[nodiscard]] grpc::Status reset_inherited_signals();

/// Raises the soft limit of open descriptors to the hard one.
/// Returns the limit then. INTERNAL with the system's reason.
[[nodiscard]] Result<rlim_t> raise_descriptor_limit();

/// Closes everything but the standard streams and `kept`, also where containers deny close_range().
void close_descriptors_except(int kept);

}  // namespace compiler_gym

// A process that works for the one which has forked it.
#pragma once

#include "core/posix/file_descriptor.h"

namespace compiler_gym {

/// Makes the calling process, which has been forked by a service, one that ends when the service says
/// so, and not by the signals of a terminal; that adopts what its descendants leave; and that has
/// nothing open of the service's but `socket` and the standard streams.
void become_servant(const char* name, const FileDescriptor& socket);

}  // namespace compiler_gym

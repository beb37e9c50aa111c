// The zygote from within: forks sandboxes, and reaps them.
#pragma once

#include "core/posix/file_descriptor.h"
#include "sessions/isolated/sandbox_board.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym::isolated {

/// Serves requests until the service closes its end, then kills everything that descends from here.
[[noreturn]] void run_zygote(FileDescriptor control, const ZygoteOptions& options,
                             const SandboxBoard& board);

}  // namespace compiler_gym::isolated

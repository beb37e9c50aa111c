// The zygote from within: forks workers, and buries them.
#pragma once

#include "core/posix/file_descriptor.h"
#include "sessions/isolated/worker_board.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym::isolated {

/// Serves requests until the service closes its end, then kills everything that descends from here.
[[noreturn]] void run_zygote(FileDescriptor control, const ZygoteOptions& options,
                             const WorkerBoard& board);

}  // namespace compiler_gym::isolated

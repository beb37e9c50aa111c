// The zygote from within: forks sandboxes, and reaps them.
#pragma once

#include "core/posix/file_descriptor.h"
#include "sessions/isolated/leftovers.h"
#include "sessions/isolated/sandbox_board.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym::isolated {

/// Makes the calling process, just forked by the keeper, the zygote: serves requests until the other
/// end is closed, then kills everything that descends from here.
[[noreturn]] void run_zygote(FileDescriptor control, const ZygoteOptions& options,
                             const SandboxBoard& board, const Service& service);

}  // namespace compiler_gym::isolated

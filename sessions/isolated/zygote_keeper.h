// The process that forks zygotes, from within.
#pragma once

#include "core/posix/file_descriptor.h"
#include "sessions/isolated/sandbox_board.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym::isolated {

/// Makes the calling process, just forked and of one thread, the keeper: forks a zygote, and another
/// one when it is asked to, until the service closes its end; then kills everything that descends
/// from here.
///
/// Why a process of its own: a service has threads by the time that a zygote is replaced, and a copy of
///           it would have locks that are held by nobody. This one does nothing else, and nothing of
///           the plug-in's runs in it, so what happens to a zygote does not happen to it.
[[noreturn]] void run_zygote_keeper(FileDescriptor control, const ZygoteOptions& options,
                                    const SandboxBoard& board);

}  // namespace compiler_gym::isolated

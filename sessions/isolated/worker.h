// A worker process: one session, driven over a socket.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "context/compiler_gym_service_context.h"
#include "core/posix/file_descriptor.h"
#include "sessions/compilation_session.h"
#include "sessions/isolated/worker_board.h"
#include "sessions/service_spaces.h"

namespace compiler_gym::isolated {

/// What every worker has from the process it was forked from.
struct WorkerSetting {
  CompilerGymServiceContext& context;
  const SessionFactory& make_session;
  const ServiceSpaces& spaces;
  const WorkerBoard& board;
  pid_t zygote;  ///< with which the worker ends
};

/// What a worker's slot counts until the worker has read the request. One that died before was not
/// killed by it.
inline constexpr std::uint32_t kNotBegun = UINT32_MAX;

/// The exit status of a worker whose memory limit was reached.
inline constexpr int kExitOutOfMemory = 97;

/// Makes the calling process, just forked and of one thread, a worker: reads requests from the
/// socket, runs them, and replies, until the other end is closed. What happens to the process is
/// nobody's concern but the session's: it may be killed at any time, and ends without running
/// destructors.
[[noreturn]] void run_worker(FileDescriptor socket, const WorkerSetting& setting);

}  // namespace compiler_gym::isolated

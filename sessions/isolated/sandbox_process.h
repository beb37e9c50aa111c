// A sandbox process: one session, driven over a socket.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "context/compiler_gym_service_context.h"
#include "core/posix/file_descriptor.h"
#include "sessions/compilation_session.h"
#include "sessions/isolated/idle_sandboxes.h"
#include "sessions/isolated/sandbox_board.h"
#include "sessions/service_spaces.h"

namespace compiler_gym::isolated {

/// What every sandbox has from the process it was forked from.
struct SandboxSetting {
  CompilerGymServiceContext& context;
  const SessionFactory& make_session;
  const ServiceSpaces& spaces;
  const SandboxBoard& board;
  std::size_t max_reply_bytes;
  pid_t zygote;  ///< with which the sandbox ends
  /// For each of its sessions, see SandboxLimits.
  std::chrono::seconds cpu_time{0};
};

/// What the answer to kReset says; none if it is not one.
[[nodiscard]] std::optional<ResetReport> reset_report(std::string_view answer);

/// What a sandbox's slot counts until the sandbox has read the request. One that died before was not
/// killed by it.
inline constexpr std::uint32_t kNotBegun = UINT32_MAX;

/// The exit status of a sandbox whose memory limit was reached.
inline constexpr int kExitOutOfMemory = 97;
/// Of one that could not be limited as it has to be, before its first request.
inline constexpr int kExitNotLimited = 98;

/// Makes the calling process, just forked and of one thread, a sandbox: reads requests from the
/// socket, runs them, and replies, until the other end is closed. What happens to the process is
/// nobody's concern but the session's: it may be killed at any time, and ends without running
/// destructors.
[[noreturn]] void run_sandbox_process(FileDescriptor socket, const SandboxSetting& setting);

}  // namespace compiler_gym::isolated

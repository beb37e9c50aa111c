// poll(), where fewer descriptors are allowed than are waited for.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

namespace compiler_gym {

/// For as long as it takes.
inline constexpr std::chrono::milliseconds kForever{-1};

/// Waits until one of the descriptors can be read, has ended (a pidfd) or is broken, or until the time
/// is over, and sets `revents` of each: POLLIN, or what poll() says. `events` has to be POLLIN; a
/// descriptor below 0 is left out. Returns how many have something; 0 when the time is over, or if a
/// signal came.
///
/// Why: poll() does not wait at all, but fails with EINVAL, once somebody has lowered the limit of open
///      descriptors below the number of those that are waited for. Loops around it would keep a
///      processor busy, and never learn what has happened.
/// Threads: any. Allocates nothing.
int wait_readable(std::span<pollfd> descriptors, std::chrono::milliseconds timeout);

}  // namespace compiler_gym

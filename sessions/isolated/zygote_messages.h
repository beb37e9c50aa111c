// What the service, the zygote and its keeper tell each other: one packet each, as it lies in memory.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

namespace compiler_gym::isolated {

/// A sandbox. Numbers of processes are given out again; with the time of its start one is a
/// process's own, see start_time_of().
struct SandboxId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;

  bool operator==(const SandboxId&) const = default;
};

/// To the zygote.
struct ZygoteRequest {
  enum class Kind : std::uint32_t {
    kSpawn,  ///< fork a sandbox; its socket comes with the answer
    kReap,   ///< kill the sandbox; answered when it is gone
    kPing,   ///< answered with kAliveTag
  };
  Kind kind = Kind::kSpawn;
  bool idle = false;      ///< of kReap: it runs no request, so it has started no processes
  std::uint64_t tag = 0;  ///< comes back with the answer
  SandboxId sandbox{};    ///< of kReap
};

/// From the zygote.
struct ZygoteAnswer {
  std::uint64_t tag = 0;
  SandboxId sandbox{};  ///< of kSpawn
  int result =
      0;  ///< of kSpawn: a status code; of kReap: how the sandbox ended, as waitpid() says it
  std::array<char, 240> error{};  ///< of kSpawn, cut off if need be
};

/// Of the answer to kPing, and of the first one of all: the plug-in's context is initialised.
inline constexpr std::uint64_t kAliveTag = 0;

/// What kReap answers if nobody knows any more how the sandbox ended.
inline constexpr int kEndUnknown = -1;

/// To the keeper. `generation` is that of the zygote which is meant: one that has been replaced
/// already is not replaced again.
struct KeeperRequest {
  enum class Kind : std::uint32_t {
    kLook,     ///< replace the zygote if it is stopped or dead
    kReplace,  ///< replace it
    kEnd,      ///< end, with all that descends from here; not answered. Without it, the service has
               ///< died
  };
  Kind kind = Kind::kLook;
  std::uint64_t generation = 0;
};

/// From the keeper: there is a zygote. Its socket comes along.
struct KeeperAnswer {
  std::uint64_t generation = 0;
  int error = 0;  ///< if it can't be forked: why
};

}  // namespace compiler_gym::isolated

// The process that sandbox processes are forked from.
#pragma once

#include <sys/types.h>

#include <array>
#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "context/compiler_gym_service_context.h"
#include "core/posix/file_descriptor.h"
#include "core/support/status.h"
#include "sessions/compilation_session.h"
#include "sessions/isolated/sandbox_board.h"

namespace compiler_gym::isolated {

/// What a sandbox process may take; beyond, it dies, and the session is said to have crashed.
struct SandboxLimits {
  /// Of address space. 0: no limit. Not heeded under sanitizers, which reserve terabytes.
  std::uint64_t memory_in_bytes = std::uint64_t{4} << 30;
  /// Of processor time, over the sandbox's life. 0: no limit.
  std::chrono::seconds cpu_time{0};
};

struct ZygoteOptions {
  std::function<std::unique_ptr<CompilerGymServiceContext>()> make_context;
  SessionFactory make_session;
  boost::filesystem::path working_directory;  ///< the context's
  SandboxLimits limits;
  /// Sandbox processes at one time.
  std::size_t max_sandboxes = 16'384;
  /// Bytes of one reply of a sandbox, which refuses to write more.
  std::size_t max_reply_bytes = std::size_t{512} << 20;
};

/// A zygote, as seen from the process that forked it. Destroying it is end(); and so is the end of
/// this process, whichever it is.
///
/// It is forked before the first thread is made, and stays a process of one thread, so its forks
/// are whole: in a copy of a process with threads, locks are held by nobody. Before the first
/// sandbox it makes the plug-in's context and runs its init(), once: sandboxes find that done in their
/// memory. It has a POSIX session of its own, so that ^C in a terminal is the service's to handle,
/// and adopts and reaps whatever its descendants leave behind.
class Zygote {
 public:
  /// The calling process must have no threads. UNAVAILABLE with the reason.
  [[nodiscard]] static Result<Zygote> fork(ZygoteOptions options);

  Zygote(Zygote&& other) noexcept;
  Zygote& operator=(Zygote&&) = delete;
  ~Zygote();

  /// Ends it and every sandbox, and waits for that. Idempotent.
  void end();

  /// The socket of its requests and answers, see ZygoteRequest.
  [[nodiscard]] int control() const { return control_.get(); }
  [[nodiscard]] SandboxBoard& board() const { return *board_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Of its sandboxes, see ZygoteOptions.
  [[nodiscard]] std::size_t max_reply_bytes() const { return max_reply_bytes_; }

 private:
  Zygote(FileDescriptor control, std::unique_ptr<SandboxBoard> board, pid_t pid,
         std::size_t max_reply_bytes);

  FileDescriptor control_;
  std::unique_ptr<SandboxBoard> board_;
  pid_t pid_;
  std::size_t max_reply_bytes_;
};

/// A message to the zygote.
struct ZygoteRequest {
  enum class Kind : std::uint32_t {
    kSpawn,  ///< fork a sandbox; its socket comes with the answer
    kEnd,    ///< end, with every sandbox; not answered. Without it, the service has died
    kReap,   ///< kill the sandbox `pid` and the processes it has started; answered when it is gone
  };
  Kind kind = Kind::kSpawn;
  pid_t pid = 0;
  bool idle = false;      ///< the sandbox runs no request, so it has started no processes
  std::uint64_t tag = 0;  ///< comes back with the answer
};

struct ZygoteAnswer {
  std::uint64_t tag = 0;
  pid_t pid = 0;  ///< of a new sandbox
  int result =
      0;  ///< of kSpawn: a status code; of kReap: how the sandbox ended, as waitpid() says it
  std::array<char, 240> error{};  ///< of kSpawn, cut off if need be
};

/// What kReap answers if nobody knows any more how the sandbox ended.
inline constexpr int kEndUnknown = -1;

}  // namespace compiler_gym::isolated

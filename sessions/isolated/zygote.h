// The process that sandbox processes are forked from, and the one that keeps it.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "context/compiler_gym_service_context.h"
#include "core/posix/confinement.h"
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

/// What a sandbox process, and the commands that it runs, may reach.
struct Confinement {
  FileAccess files;  ///< beside the working directory
  ConfinementSupport by;
};

struct ZygoteOptions {
  std::function<std::unique_ptr<CompilerGymServiceContext>()> make_context;
  SessionFactory make_session;
  boost::filesystem::path working_directory;  ///< the context's
  SandboxLimits limits;
  std::optional<Confinement> confinement{};  ///< none: what this process can
  /// Sandbox processes at one time.
  std::size_t max_sandboxes = 16'384;
  /// Bytes of one reply of a sandbox, which refuses to write more.
  std::size_t max_reply_bytes = std::size_t{512} << 20;
};

/// A zygote and its keeper, as seen from the process that forked them. Destroying it is end(); and so
/// is the end of this process, whichever it is.
///
/// The keeper is forked before the first thread is made, forks the zygote, and another one when that
/// is dead or deaf. Both stay processes of one thread, so their forks are whole: in a copy of a process
/// with threads, locks are held by nobody. Before the first sandbox a zygote makes the plug-in's
/// context and runs its init(), once: sandboxes find that done in their memory. They have a POSIX
/// session of their own, so that ^C in a terminal is the service's to handle, and adopt and reap
/// whatever their descendants leave behind.
class Zygote {
 public:
  /// The calling process must have no threads. UNAVAILABLE with the reason.
  [[nodiscard]] static Result<Zygote> fork(ZygoteOptions options);

  Zygote(Zygote&& other) noexcept;
  Zygote& operator=(Zygote&&) = delete;
  ~Zygote();

  /// Ends both and every sandbox, and waits for that. Idempotent.
  void end();

  /// The keeper's socket, see KeeperRequest.
  [[nodiscard]] int control() const { return control_.get(); }
  [[nodiscard]] SandboxBoard& board() const { return *board_; }
  /// The keeper.
  [[nodiscard]] pid_t keeper() const { return keeper_; }
  /// Of its sandboxes, see ZygoteOptions.
  [[nodiscard]] std::size_t max_reply_bytes() const { return max_reply_bytes_; }

 private:
  Zygote(FileDescriptor control, std::unique_ptr<SandboxBoard> board, pid_t keeper,
         std::size_t max_reply_bytes);

  FileDescriptor control_;
  std::unique_ptr<SandboxBoard> board_;
  pid_t keeper_;
  std::size_t max_reply_bytes_;
};

}  // namespace compiler_gym::isolated

// The service's end of a zygote: makes sandbox processes and reaps them.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/calling_thread_executor.h"
#include "core/posix/descriptor_reserve.h"
#include "core/posix/file_descriptor.h"
#include "core/support/logger.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym::isolated {

/// Threads:  every member may be called from any thread. Handlers run on the executor.
/// Lifetime: shared by what it is doing. close() must be called for the executor to run out of
/// work.
/// Errors:   once the zygote has ended, by whatever cause, UNAVAILABLE.
class SandboxHost : public std::enable_shared_from_this<SandboxHost> {
 public:
  struct Spawned {
    FileDescriptor socket;
    pid_t pid = 0;
  };
  using SpawnHandler = UniqueHandler<void(Result<Spawned>)>;
  /// How a sandbox ended, as waitpid() says it, or kEndUnknown.
  using ReapHandler = UniqueHandler<void(int)>;

  [[nodiscard]] static std::shared_ptr<SandboxHost> make(boost::asio::any_io_executor executor,
                                                         Zygote zygote, Logger& logger);

  /// A new sandbox, that has no session yet. Signature: void(Result<Spawned>).
  template <boost::asio::completion_token_for<void(Result<Spawned>)> Token>
  auto async_spawn(Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<Spawned>)>(
        [this](auto handler) { spawn(SpawnHandler(std::move(handler))); }, token);
  }

  /// Kills a sandbox with all it has started, unless it is dead already, and tells when it is gone.
  /// Once for each sandbox. `idle`: it runs no request.
  void reap(pid_t pid, bool idle, ReapHandler handler);

  /// Ends the zygote and every sandbox, and waits for that. What is under way fails.
  void close();

  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }
  /// For a handler that is to run where its operation ended; `place`: whose it is, for the log.
  [[nodiscard]] CallingThreadExecutor here(const char* place) const { return {logger_, place}; }
  [[nodiscard]] Logger& logger() const { return logger_; }
  [[nodiscard]] SandboxBoard& board() const { return zygote_.board(); }
  [[nodiscard]] std::size_t max_reply_bytes() const { return zygote_.max_reply_bytes(); }
  /// Those that sandboxes are not to take.
  [[nodiscard]] const DescriptorReserve& descriptors() const { return descriptors_; }

 private:
  // For files and for the way out; connections leave some more.
  static constexpr std::size_t kReservedDescriptors = 32;

  struct Waiting {
    SpawnHandler spawn;
    ReapHandler reap;
  };

  SandboxHost(boost::asio::any_io_executor executor, Zygote zygote, Logger& logger);

  void spawn(SpawnHandler handler);
  void request(ZygoteRequest request, Waiting waiting);
  void write_locked();
  void wait_for_answers();
  void read_answers();
  void answer(const ZygoteAnswer& answer, FileDescriptor socket);
  void fail_all();
  static void fail(Waiting waiting);

  const boost::asio::any_io_executor executor_;
  Logger& logger_;
  Zygote zygote_;
  const DescriptorReserve descriptors_{kReservedDescriptors};

  std::mutex mutex_;                               // guards what follows
  boost::asio::posix::stream_descriptor control_;  // a duplicate of the zygote's
  std::deque<ZygoteRequest> unsent_;
  bool writing_ = false;
  std::uint64_t next_tag_ = 1;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  bool ended_ = false;
};

}  // namespace compiler_gym::isolated

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
#include <vector>

#include "core/calling_thread_executor.h"
#include "core/lazy_timer.h"
#include "core/posix/descriptor_reserve.h"
#include "core/posix/file_descriptor.h"
#include "core/support/logger.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "sessions/isolated/zygote.h"
#include "sessions/isolated/zygote_messages.h"
#include "sessions/isolated/zygote_watch.h"

namespace compiler_gym::isolated {

/// Threads:  every member may be called from any thread. Handlers run on the executor.
/// Lifetime: shared by what it is doing. close() must be called for the executor to run out of
///           work.
/// Errors:   a zygote that is dead or deaf is replaced, see ZygoteWatch, and what was asked of it is
///           asked of the new one; UNAVAILABLE with the reason if that does not help.
class SandboxHost : public std::enable_shared_from_this<SandboxHost> {
 public:
  struct Spawned {
    FileDescriptor socket;
    SandboxId id{};
  };
  using SpawnHandler = UniqueHandler<void(Result<Spawned>)>;
  /// How a sandbox ended, as waitpid() says it, or kEndUnknown.
  using ReapHandler = UniqueHandler<void(int)>;

  [[nodiscard]] static std::shared_ptr<SandboxHost> make(boost::asio::any_io_executor executor,
                                                         Zygote zygote, ZygoteTimeouts timeouts,
                                                         Logger& logger);

  /// A new sandbox, that has no session yet. Signature: void(Result<Spawned>).
  template <boost::asio::completion_token_for<void(Result<Spawned>)> Token>
  auto async_spawn(Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<Spawned>)>(
        [this](auto handler) { spawn(SpawnHandler(std::move(handler))); }, token);
  }

  /// Kills a sandbox with all it has started, unless it is dead already, and tells when it is gone;
  /// what it has started may take a little longer. Once for each sandbox. `idle`: it runs no request.
  void reap(const SandboxId& sandbox, bool idle, ReapHandler handler);

  /// Ends the zygote, its keeper and every sandbox, and waits for that. What is under way fails.
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
    ZygoteRequest request{};
    SpawnHandler spawn{};
    ReapHandler reap{};
  };
  // What is to be told, once no lock is held.
  struct Refused {
    Waiting waiting;
    grpc::Status why;
  };
  using AllRefused = std::vector<Refused>;

  SandboxHost(boost::asio::any_io_executor executor, Zygote zygote, ZygoteTimeouts timeouts,
              Logger& logger);

  void spawn(SpawnHandler handler);
  void request(ZygoteRequest request, Waiting waiting);
  [[nodiscard]] AllRefused perform_locked(const ZygoteWatch::Actions& actions);
  void probe_locked();
  void disconnect_locked();
  void tell_keeper_locked(KeeperRequest::Kind what);
  void write_locked();
  void watch_the_time_locked();
  void check_the_time();

  void wait_for_keeper_locked();
  void read_keeper();
  [[nodiscard]] AllRefused on_keeper_locked(std::ptrdiff_t size, const KeeperAnswer& received,
                                            FileDescriptor socket);
  void wait_for_answers_locked();
  void read_answers(std::uint64_t generation);
  void answer(const ZygoteAnswer& answer, FileDescriptor socket);
  void complete(Waiting waiting, const ZygoteAnswer& answer, FileDescriptor socket);
  static void refuse(AllRefused refused);

  const boost::asio::any_io_executor executor_;
  Logger& logger_;
  Zygote zygote_;
  const DescriptorReserve descriptors_{kReservedDescriptors};

  std::mutex mutex_;                               // guards what follows
  boost::asio::posix::stream_descriptor keeper_;   // a duplicate of the zygote's
  boost::asio::posix::stream_descriptor control_;  // the present zygote's; closed if there is none
  std::uint64_t generation_ = 0;                   // of the present zygote, or of the last
  ZygoteWatch watch_;
  LazyTimer timer_;
  std::deque<ZygoteRequest> unsent_;
  bool writing_ = false;
  std::uint64_t next_tag_ = kAliveTag + 1;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  bool closed_ = false;
};

}  // namespace compiler_gym::isolated

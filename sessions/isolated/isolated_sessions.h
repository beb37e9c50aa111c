// Sessions that live in sandbox processes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/support/logger.h"
#include "core/worker_pool.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/isolated/run_limit.h"
#include "sessions/isolated/sandbox_host.h"
#include "sessions/isolated/templates.h"
#include "sessions/session_executor_factory.h"

namespace compiler_gym::isolated {

struct IsolationOptions {
  SandboxTimeouts timeouts{};
  ZygoteTimeouts zygote_timeouts{};
  /// Benchmarks kept loaded for further sessions.
  std::size_t max_templates = 64;
  /// Sandbox processes that serve one session after another, of compilers that allow it, see
  /// CompilationSession::leavesNothingBehind().
  RecycleOptions recycle{};
  /// Whether a session whose sandbox died goes on in a new one, from its last good state.
  bool recover = true;
  /// Steps and starts that run in sandbox processes at one time, see RunLimit. 0: as many as these two
  /// say. With no more than there are processors, one of these stands idle whenever the kernel wakes a
  /// sandbox on another that is busy: of two a quarter of the time, with three a seventh and with six
  /// a twentieth.
  std::size_t max_running = 0;
  static constexpr double kRunningForEachWorker = 1.5;  ///< for each thread of the worker pool
  static constexpr std::size_t kRunningBesides = 3;
  /// After which a step does not count among these any more, if others wait; a start after 20 times that.
  std::chrono::milliseconds run_patience{50};
  /// What, besides the Benchmark itself, its program depends on: of a program in a file, what tells
  /// that the file has changed. May block. None: the Benchmark is all there is.
  std::function<std::string(const Benchmark&)> program_stamp{};
};

/// Starts sessions in sandbox processes.
class IsolatedSessions final : public SessionExecutorFactory {
 public:
  IsolatedSessions(boost::asio::any_io_executor executor, Zygote zygote, WorkerPool& workers,
                   IsolationOptions options, Logger& logger);

  [[nodiscard]] SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> start(
      const StartSessionRequest& request, std::shared_ptr<const Benchmark> benchmark,
      StartSessionReply& reply, ClientId client, std::stop_source stop) override;

  /// `service.sandboxes.get_...`: what there is in RecycleFigures.
  [[nodiscard]] std::optional<std::uint64_t> figure(std::string_view key) const override;

  void close() override;

 private:
  friend class IsolatedExecutor;

  const IsolationOptions options_;
  WorkerPool& workers_;
  const std::shared_ptr<SandboxHost> host_;
  const std::shared_ptr<RunLimit> run_limit_;
  const std::shared_ptr<Templates> templates_;
};

}  // namespace compiler_gym::isolated

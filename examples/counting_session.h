// A service whose sessions share state: it counts the actions of all its sessions, over restarts
// too.
#pragma once

#include <cstdint>
#include <optional>

#include "sessions/compilation_session.h"

namespace compiler_gym::example {

/// Keeps the total in `total.txt` in the working directory: read by init, written by shutdown,
/// neither of which blocks the thread that serves requests.
class CountingContext final : public CompilerGymServiceContext {
 public:
  using CompilerGymServiceContext::CompilerGymServiceContext;

  boost::asio::awaitable<grpc::Status> async_init(WorkerPool& workers) override;
  boost::asio::awaitable<grpc::Status> async_shutdown(WorkerPool& workers) override;

  /// Adds to the total on the context's strand, and waits for the new total. For sessions, on their
  /// worker threads.
  std::int64_t add(std::int64_t actions);

 private:
  std::optional<std::int64_t> total_;  // touched on the strand only; none if init failed
};

/// Its one action, `count`, adds to the total; its one observation, `total`, is the total of all
/// sessions.
class CountingSession final : public CompilationSession {
 public:
  explicit CountingSession(CountingContext& context)
      : CompilationSession(context), context_(context) {}

  std::vector<ActionSpace> getActionSpaces() const override;
  std::vector<ObservationSpace> getObservationSpaces() const override;

  using CompilationSession::init;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override;
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override;
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;

 private:
  CountingContext& context_;
};

}  // namespace compiler_gym::example

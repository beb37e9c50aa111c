// A service that fails on request: its context as the environment says, its sessions as their parameters and actions say.
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <stop_token>

#include "async_server/create_and_run_compiler_gym_service.h"
#include "core/support/status.h"
#include "sessions/compilation_session.h"
#include "tests/process/faulty_context.h"
#include "tests/process/fifo_gate.h"

namespace compiler_gym::testing {
namespace {

/// Actions: 0 does nothing, 1 waits at the pipe `gate` in the working directory, 2 makes the file `waiting`
/// there and waits until it is asked to stop.
/// A benchmark://slow/ is waited for at the gate as well. The observation is always empty.
class FaultySession final : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;

  std::vector<ActionSpace> getActionSpaces() const override { return {ActionSpace()}; }
  std::vector<ObservationSpace> getObservationSpaces() const override {
    return {ObservationSpace()};
  }
  using CompilationSession::init;
  grpc::Status init(const ActionSpace& /*actionSpace*/, const Benchmark& benchmark) override {
    if (benchmark.uri().starts_with("benchmark://slow/")) {
      wait_at_gate();
    }
    return grpc::Status::OK;
  }
  grpc::Status applyAction(const Event& action, bool& /*endOfEpisode*/,
                           std::optional<ActionSpace>& /*newActionSpace*/,
                           bool& /*actionHadNoEffect*/) override {
    switch (action.int64_value()) {
      case 1:
        wait_at_gate();
        break;
      case 2:
        wait_for_stop();
        break;
      default:
        break;
    }
    return grpc::Status::OK;
  }
  grpc::Status computeObservation(const ObservationSpace& /*observationSpace*/,
                                  Event& /*observation*/) override {
    return grpc::Status::OK;
  }
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& reply) override {
    if (key == "fail") {
      return data_loss(value);
    }
    if (key == "throw") {
      throw std::runtime_error(value);
    }
    if (key == "echo") {
      reply = value;
    }
    return grpc::Status::OK;
  }

 private:
  void wait_for_stop() {
    std::ofstream((workingDirectory() / "waiting").string());
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait(lock, stopToken(), [] { return false; });
  }
  void wait_at_gate() { FifoGate::wait_at((workingDirectory() / "gate").string()); }
};

}  // namespace
}  // namespace compiler_gym::testing

int main(int argc, char** argv) {
  using namespace compiler_gym::testing;
  compiler_gym::createAndRunCompilerGymService<FaultySession, FaultyContext>(
      argc, argv, "Fails when it is told to.");
}

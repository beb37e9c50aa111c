// A service with a bug, for the fuzzer to find.
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "async_server/create_and_run_compiler_gym_service.h"
#include "core/support/status.h"
#include "sessions/compilation_session.h"

namespace compiler_gym::testing {
namespace {

/// Eight actions, whose history is the observation `IrSha1`. The eighth does what
/// COMPILER_GYM_TEST_BUG says: `crash` ends the process, `throw` throws, `drift` makes a state that
/// never comes again; unset it is like the others.
class BuggySession final : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;

  std::vector<ActionSpace> getActionSpaces() const override {
    ActionSpace space;
    space.mutable_space()->mutable_discrete()->set_n(8);
    return {space};
  }
  std::vector<ObservationSpace> getObservationSpaces() const override {
    ObservationSpace space;
    space.set_name("IrSha1");
    return {space};
  }
  using CompilationSession::init;
  grpc::Status init(const ActionSpace& /*actionSpace*/, const Benchmark& /*benchmark*/) override {
    return grpc::Status::OK;
  }
  grpc::Status init(CompilationSession* other) override {
    history_ = static_cast<BuggySession&>(*other).history_;
    return grpc::Status::OK;
  }
  grpc::Status applyAction(const Event& action, bool& /*endOfEpisode*/,
                           std::optional<ActionSpace>& /*newActionSpace*/,
                           bool& /*actionHadNoEffect*/) override {
    if (action.int64_value() < 0 || action.int64_value() >= 8) {
      return invalid_argument("Out-of-range");
    }
    history_ += std::to_string(action.int64_value());
    if (action.int64_value() == 7) {
      be_buggy();
    }
    return grpc::Status::OK;
  }
  grpc::Status computeObservation(const ObservationSpace& /*observationSpace*/,
                                  Event& observation) override {
    observation.set_string_value(history_);
    return grpc::Status::OK;
  }

 private:
  void be_buggy() {
    const char* const named = std::getenv("COMPILER_GYM_TEST_BUG");
    const std::string bug = named == nullptr ? "" : named;
    if (bug == "crash") {
      std::abort();
    }
    if (bug == "throw") {
      throw std::runtime_error("the bug");
    }
    if (bug == "drift") {
      static std::atomic<int> drift{0};
      history_ += "+" + std::to_string(++drift);
    }
  }

  std::string history_;
};

}  // namespace
}  // namespace compiler_gym::testing

int main(int argc, char** argv) {
  compiler_gym::createAndRunCompilerGymService<compiler_gym::testing::BuggySession>(
      argc, argv, "Has the bug that COMPILER_GYM_TEST_BUG names.");
}

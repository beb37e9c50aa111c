#include "tests/isolated/hazard_session.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/support/status.h"
#include "tests/process/fifo_gate.h"
#include "tests/support/hazards.h"

namespace compiler_gym::testing {
namespace {

void leave_child(const std::string& tell) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    hang();
  }
  setpgid(child, child);
  std::ofstream(tell + ".tmp") << child;
  std::rename((tell + ".tmp").c_str(), tell.c_str());
  hang();
}

}  // namespace

std::vector<ObservationSpace> HazardSession::getObservationSpaces() const {
  std::vector<ObservationSpace> spaces = HistorySession::getObservationSpaces();
  add_space(spaces, "process");
  add_space(spaces, "kill");
  return spaces;
}

grpc::Status HazardSession::init(const ActionSpace& /*actionSpace*/, const Benchmark& benchmark) {
  std::ofstream(file("loads"), std::ios::app) << benchmark.uri() << '\n';
  std::ofstream(file("loader")) << getpid();
  std::string what = benchmark.program().contents();
  if (what == "file") {
    std::ifstream program(file("program"));
    what.assign(std::istreambuf_iterator<char>(program), {});
  }
  if (what == "exit") {
    return meet(kExit);
  }
  if (what == "hang") {
    return meet(kHang);
  } else if (what == "gate") {
    FifoGate::wait_at(file("gate"));
  } else if (what == "fail") {
    return failed_precondition("no licence for this program");
  }
  return grpc::Status::OK;
}

grpc::Status HazardSession::applyAction(const Event& action, bool& endOfEpisode,
                                        std::optional<ActionSpace>& /*newActionSpace*/,
                                        bool& /*actionHadNoEffect*/) {
  constexpr std::int64_t kEndsTheEpisode = 1000;
  if (broken_) {
    return data_loss("broken before");
  }
  const std::int64_t value = action.int64_value();
  if (value < 0) {
    if (const grpc::Status status = meet(value); !status.ok()) {
      return status;
    }
  }
  history_.push_back(value);
  endOfEpisode = value == kEndsTheEpisode;
  return grpc::Status::OK;
}

grpc::Status HazardSession::meet(std::int64_t hazard) {
  switch (hazard) {
    case kSegmentationFault:
      std::raise(SIGSEGV);
      break;
    case kStackOverflow:
      overflow_the_stack();
    case kMemoryBomb:
      take_all_memory();
    case kAbort:
      std::abort();
    case kExit:
      _exit(3);
    case kHang:
      FifoGate::wait_at(file("gate"));
      hang();
    case kWaitAtGate:
      FifoGate::wait_at(file("gate"));
      break;
    case kBreak:
      broken_ = true;
      return data_loss("the module is broken");
    case kLeaveChild:
      leave_child(file("child"));
      break;
    case kCorrupt:
      broken_ = true;
      break;
    default:
      return invalid_argument("Out-of-range");
  }
  return grpc::Status::OK;
}

grpc::Status HazardSession::endOfStep(bool /*actionHadNoEffect*/, bool& /*endOfEpisode*/,
                                      std::optional<ActionSpace>& /*newActionSpace*/) {
  return broken_ ? data_loss("the module breaks a rule") : grpc::Status::OK;
}

grpc::Status HazardSession::computeObservation(const ObservationSpace& observationSpace,
                                               Event& observation) {
  if (observationSpace.name() == "process") {
    observation.set_int64_value(getpid());
    return grpc::Status::OK;
  }
  if (observationSpace.name() == "kill") {
    std::raise(SIGKILL);
  }
  return HistorySession::computeObservation(observationSpace, observation);
}

grpc::Status HazardSession::handleSessionParameter(const std::string& key, const std::string& value,
                                                   std::optional<std::string>& reply) {
  if (key == "echo") {
    reply = value;
  } else if (isQuery(key)) {
    std::ofstream(file("asked"), std::ios::app) << '\n';
    reply = value;
  } else if (key == "push") {
    history_.push_back(std::stoll(value));
    reply = value;
  } else if (key == "kill") {
    std::raise(SIGKILL);
  }
  return grpc::Status::OK;
}

bool HazardSession::isQuery(const std::string& key) const {
  return key == "ask";
}

std::string HazardSession::file(const std::string& name) const {
  return (workingDirectory() / name).string();
}

}  // namespace compiler_gym::testing

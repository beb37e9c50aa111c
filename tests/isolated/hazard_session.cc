#include "tests/isolated/hazard_session.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/posix/file_descriptor.h"
#include "core/posix/process_mark.h"
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

std::string how_it_went(bool well) {
  return well ? "OK" : std::strerror(errno);
}

std::string read(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return how_it_went(static_cast<bool>(file));
}

std::string connect_to(int port) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return how_it_went(
      socket && connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

std::string escape() {
  const std::string mark = std::string(kProcessMark) + "=" + new_process_mark();
  const std::array<const char*, 2> environment{mark.c_str(), nullptr};
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    execle("/bin/sleep", "sleep", "600", nullptr, environment.data());
    _exit(1);
  }
  return std::to_string(child);
}

// Outlives its session.
void leak(std::size_t mebibytes) {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  static std::vector<std::string> leaked;
  leaked.emplace_back(mebibytes * kMebibyte, 'x');
}

}  // namespace

bool HazardSession::recyclable = false;

std::vector<ObservationSpace> HazardSession::getObservationSpaces() const {
  std::vector<ObservationSpace> spaces = HistorySession::getObservationSpaces();
  add_space(spaces, "process");
  add_space(spaces, "kill");
  add_space(spaces, "giant");
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
  if (observationSpace.name() == "giant") {
    constexpr std::int64_t kMebibyte = 1 << 20;
    observation.mutable_string_value()->assign(
        static_cast<std::size_t>(history_.back() * kMebibyte), 'x');
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
  } else if (key == "read") {
    reply = read(value);
  } else if (key == "connect") {
    reply = connect_to(std::stoi(value));
  } else if (key == "escape") {
    reply = escape();
  } else if (key == "scratch") {
    boost::filesystem::create_directories(serviceContext().scratchDirectory());
    std::ofstream((serviceContext().scratchDirectory() / value).string()) << value;
    reply = value;
  } else if (key == "leak") {
    leak(std::stoul(value));
    reply = value;
  } else if (key == "stain") {
    stained_ = true;
    reply = value;
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

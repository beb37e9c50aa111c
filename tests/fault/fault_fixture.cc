#include "tests/fault/fault_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "core/posix/processes.h"
#include "tests/support/poll.h"
#include "tools/support/program_files.h"

namespace compiler_gym::testing {

namespace fs = boost::filesystem;
using ::testing::Contains;
using ::testing::IsEmpty;

FaultTest::FaultTest() : program_(*read_file(COMPILER_GYM_TEST_DATA "/crc32.bc")) {}

void FaultTest::serve(std::vector<std::string> arguments, const char* binary,
                      const fs::path& working_directory) {
  ManagedServiceOptions options;
  options.binary = fs::path(COMPILER_GYM_BIN_DIR) / binary;
  options.arguments = std::move(arguments);
  options.working_directory = working_directory;
  auto started = loop_.run(ManagedService::async_start(std::move(options)));
  ASSERT_TRUE(started) << started.error().error_message();
  service_ = *std::move(started);
  client_.emplace(loop_.pump(), service_->target());
  FaultTargets targets;
  targets.service = service_->pid();
  targets.target = service_->target();
  targets.port = service_->port();
  targets.load_generator = fs::path(COMPILER_GYM_BIN_DIR) / "compiler_gym-load";
  targets.program_file = COMPILER_GYM_TEST_DATA "/crc32.bc";
  targets.program = program_;
  injector_.emplace(loop_.pump(), std::move(targets), /*seed=*/1);
}

std::vector<grpc::Status> FaultTest::run_crowd(int faults, Disturbance fault) {
  Crowd crowd(*client_, program_, /*seed=*/7);
  loop_.run(disturb(crowd, faults, std::move(fault)));
  std::vector<grpc::Status> failures;
  for (const CrowdMember& member : crowd.members()) {
    failures.insert(failures.end(), member.failures.begin(), member.failures.end());
  }
  return failures;
}

boost::asio::awaitable<void> FaultTest::disturb(Crowd& crowd, int faults, Disturbance fault) {
  const grpc::Status started = co_await crowd.async_start(kCrowd);
  EXPECT_TRUE(started.ok()) << to_string(started);
  int times = 0;
  const auto between = [&]() -> boost::asio::awaitable<void> {
    if (times < faults) {
      co_await fault(times++);
    }
  };
  co_await crowd.async_step(kStepsEach, kCrowd * kStepsEach / faults, between);
  EXPECT_EQ(times, faults);
  injector_->leave_alone();
  const std::vector<std::string> differences = co_await crowd.async_compare_with_replay();
  EXPECT_THAT(differences, IsEmpty());
}

std::vector<pid_t> FaultTest::sandboxes() const {
  std::vector<pid_t> sandboxes;
  for (const pid_t pid : process_tree(service_->pid())) {
    // They lead POSIX sessions, as does what the service itself has forked.
    if (pid != service_->pid() && parent_of(pid) != service_->pid() && getsid(pid) == pid) {
      sandboxes.push_back(pid);
    }
  }
  return sandboxes;
}

void FaultTest::stop(const std::set<int>& returncodes) {
  injector_.reset();
  const std::vector<pid_t> processes = process_tree(service_->pid());
  EXPECT_THAT(returncodes, Contains(loop_.run(service_->async_stop()).returncode));
  poll_until(
      [&] { return std::ranges::none_of(processes, [](pid_t pid) { return kill(pid, 0) == 0; }); });
}

}  // namespace compiler_gym::testing

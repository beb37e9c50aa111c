// What processes that die and clients that misbehave cost: the session that is hit, and nobody else.
#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <thread>

#include "core/posix/processes.h"
#include "tests/fault/fault_fixture.h"
#include "tests/support/poll.h"
#include "tools/soak/resource_usage.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::IsEmpty;

constexpr int kFaults = 12;

// ------------------------------------------------------------------------------ processes that die

struct DeathRow {
  const char* name;
  int signal;
  std::set<grpc::StatusCode> codes;  // of the step that was running
};

class SandboxDeathTest : public FaultTest, public ::testing::WithParamInterface<DeathRow> {};

TEST_P(SandboxDeathTest, CostsItsSessionOneStep) {
  // A sanitizer takes its time to report a signal, which is not to pass for a hang.
  const bool hangs = GetParam().signal == SIGSTOP;
  serve({"--executor=isolated", std::string("--step_timeout=") + (hangs ? "2" : "100")});
  const std::vector<grpc::Status> failures =
      run_crowd(kFaults, [this](int time) -> boost::asio::awaitable<void> {
        const std::vector<pid_t> alive = sandboxes();
        kill(alive[static_cast<std::size_t>(time) * 17 % alive.size()], GetParam().signal);
        co_return;
      });
  EXPECT_LE(failures.size(), static_cast<std::size_t>(kFaults));
  for (const grpc::Status& failure : failures) {
    EXPECT_TRUE(GetParam().codes.contains(failure.error_code())) << to_string(failure);
  }
  stop();
}

INSTANTIATE_TEST_SUITE_P(
    , SandboxDeathTest,
    ::testing::Values(DeathRow{"Killed", SIGKILL, {grpc::StatusCode::DATA_LOSS}},
                      DeathRow{"SegmentationFault", SIGSEGV, {grpc::StatusCode::DATA_LOSS}},
                      DeathRow{"Aborted", SIGABRT, {grpc::StatusCode::DATA_LOSS}},
                      DeathRow{"Hangs", SIGSTOP, {grpc::StatusCode::DEADLINE_EXCEEDED}}),
    [](const auto& row) { return std::string(row.param.name); });

// -------------------------------------------------------------------------- clients that misbehave

struct ClientRow {
  const char* name;
  Fault fault;
  const char* executor;
};

class ClientFaultTest : public FaultTest, public ::testing::WithParamInterface<ClientRow> {};

TEST_P(ClientFaultTest, CostsNobodyElseAnything) {
  serve({std::string("--executor=") + GetParam().executor});
  const std::vector<grpc::Status> failures =
      run_crowd(kFaults, [this](int) -> boost::asio::awaitable<void> {
        co_await injector_->async_inject(GetParam().fault);
      });
  EXPECT_THAT(failures, IsEmpty());
  switch (GetParam().fault) {
    case Fault::kGivenUp:
      stop({6});  // the client has left its sessions behind
      break;
    case Fault::kKilledClient:
    case Fault::kFrozenClient:
      stop({0, 6});  // so has this one, if it had any yet
      break;
    default:
      stop();
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ClientFaultTest,
    ::testing::Values(ClientRow{"KilledClient", Fault::kKilledClient, "isolated"},
                      ClientRow{"HalfOpenConnections", Fault::kHalfOpen, "isolated"},
                      ClientRow{"Noise", Fault::kRandomBytes, "isolated"},
                      ClientRow{"StepsGivenUp", Fault::kGivenUp, "isolated"},
                      ClientRow{"StepsGivenUpInline", Fault::kGivenUp, "inline"},
                      ClientRow{"FrozenClient", Fault::kFrozenClient, "isolated"},
                      ClientRow{"Pings", Fault::kPings, "isolated"},
                      ClientRow{"GiantMessages", Fault::kGiantMessages, "inline"},
                      ClientRow{"DamagedPrograms", Fault::kBadProgram, "isolated"},
                      ClientRow{"DamagedProgramsInline", Fault::kBadProgram, "inline"}),
    [](const auto& row) { return std::string(row.param.name); });

// ------------------------------------------------------------------------------- nothing left over

TEST_F(FaultTest, FiveThousandSessionsLeaveNothingBehind) {
  serve({"--executor=isolated"});
  const auto live_and_let_go = [this](int sessions) -> boost::asio::awaitable<void> {
    for (int i = 0; i < sessions; ++i) {
      Crowd one(*client_, program_, static_cast<std::uint64_t>(i));
      const grpc::Status started = co_await one.async_start(1);
      EXPECT_TRUE(started.ok()) << to_string(started);
      const auto nothing = []() -> boost::asio::awaitable<void> { co_return; };
      co_await one.async_step(1, 2, nothing);
      EndSessionRequest end;
      end.set_session_id(one.members().front().session_id);
      const auto ended = co_await client_->end_session(std::move(end));
      EXPECT_TRUE(ended && ended->remaining_sessions() == 0);
    }
  };
  loop_.run(live_and_let_go(10));
  const auto usage = [this] {
    return read_resource_usage(service_->pid(), service_->working_directory());
  };
  const ResourceUsage before = usage();

  loop_.run(live_and_let_go(5000));

  // The last sandbox may still be on its way out.
  poll_until([&] { return usage().processes <= before.processes; });
  const ResourceUsage after = usage();
  EXPECT_EQ(after.processes, before.processes) << "zombies count";
  // gRPC adds to its own threads when it is busy, up to one for each processor.
  EXPECT_LE(after.threads, before.threads + static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_LE(after.file_descriptors, before.file_descriptors);
  EXPECT_EQ(after.files, before.files);
  stop();
}

class ScratchTest : public FaultTest, public ::testing::WithParamInterface<const char*> {
 protected:
  ScratchTest() : directory_(fs::temp_directory_path() / fs::unique_path("cg-scratch-%%%%-%%%%")) {
    serve({std::string("--executor=") + GetParam()}, kLlvmService, directory_);
    // Its code size is measured by building it, which takes files.
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri("benchmark://scratch/program");
    request.mutable_benchmark()->mutable_program()->set_contents(program_);
    Command& build = *request.mutable_benchmark()->mutable_dynamic_config()->mutable_build_cmd();
    build.add_argument("$CC $IN -o program");
    build.add_outfile("program");
    build.set_timeout_seconds(60);
    request.add_observation_space(13);
    const auto reply = loop_.run(client_->start_session(std::move(request)));
    EXPECT_TRUE(reply) << to_string(reply.error());
    EXPECT_FALSE(fs::is_empty(directory_ / "disk")) << "else this tests nothing";
  }
  ~ScratchTest() override {
    service_.reset();
    fs::remove_all(directory_);
  }

  const fs::path directory_;
};

TEST_P(ScratchTest, IsGoneWhenTheServiceIs) {
  stop({6});
  EXPECT_TRUE(fs::is_empty(directory_ / "disk"));
}

TEST_P(ScratchTest, AlsoWhenItIsKilled) {
  kill(service_->pid(), SIGKILL);
  EXPECT_EQ(loop_.run(service_->async_wait()).returncode, -SIGKILL);
  poll_until([&] { return fs::is_empty(directory_ / "disk"); });
}

INSTANTIATE_TEST_SUITE_P(, ScratchTest, ::testing::Values("inline", "isolated"),
                         [](const auto& row) { return std::string(row.param); });

TEST_F(FaultTest, TheServicesOwnDeathTakesItsProcessesAlong) {
  serve({"--executor=isolated", "--state_graph_bytes=0"});  // a process for every session
  Crowd crowd(*client_, program_, /*seed=*/3);
  const grpc::Status started = loop_.run(crowd.async_start(20));
  ASSERT_TRUE(started.ok()) << to_string(started);
  const std::vector<pid_t> processes = process_tree(service_->pid());
  ASSERT_GT(processes.size(), 20U);
  kill(processes.back(), SIGSTOP);  // a sandbox that does not notice anything by itself

  kill(service_->pid(), SIGKILL);
  EXPECT_EQ(loop_.run(service_->async_wait()).returncode, -SIGKILL);

  injector_.reset();
  poll_until(
      [&] { return std::ranges::none_of(processes, [](pid_t pid) { return kill(pid, 0) == 0; }); });
}

}  // namespace
}  // namespace compiler_gym::testing

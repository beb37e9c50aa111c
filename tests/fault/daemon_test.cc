// A process that a benchmark's command leaves behind, and that does all it can to get away: it has left
// its group, its session and its parent, and emptied its environment.
#include <boost/asio/use_future.hpp>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <future>

#include "core/support/status.h"
#include "tests/fault/fault_fixture.h"
#include "tests/support/ended_process.h"
#include "tests/support/poll.h"
#include "tests/support/sanitized.h"
#include "tools/support/program_files.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;

class DaemonTest : public FaultTest, public ::testing::WithParamInterface<const char*> {
 protected:
  DaemonTest() : directory_(fs::temp_directory_path() / fs::unique_path("cg-daemon-%%%%-%%%%")) {
    fs::create_directories(directory_);
    serve({std::string("--executor=") + GetParam(), "--drain_grace=0"});
  }
  ~DaemonTest() override {
    service_.reset();
    fs::remove_all(directory_);
  }

  /// To start a session whose program is built by a command that leaves such a process, and then
  /// does this.
  [[nodiscard]] StartSessionRequest request(const std::string& then) const {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri("benchmark://daemon/program");
    request.mutable_benchmark()->mutable_program()->set_contents(program_);
    Command& build = *request.mutable_benchmark()->mutable_dynamic_config()->mutable_build_cmd();
    const std::string file = (directory_ / "pid").string();
    build.add_argument("env -i setsid sh -c 'sleep 6000 </dev/null >/dev/null 2>&1 & echo $! >" +
                       file + ".new; mv " + file + ".new " + file + "'; " + then);
    build.add_outfile("program");
    build.set_timeout_seconds(600);
    return request;
  }

  /// Once it is there.
  [[nodiscard]] pid_t daemon() const {
    poll_until([&] { return fs::exists(directory_ / "pid"); });
    return static_cast<pid_t>(std::stol(*read_file(directory_ / "pid")));
  }

  std::future<Result<StartSessionReply>> start_what_hangs() {
    return client_->start_session(request("sleep 6000"), {}, boost::asio::use_future);
  }

  const fs::path directory_;
};

TEST_P(DaemonTest, IsGoneWhenItsCommandHasEnded) {
  if (kThreadSanitized && std::string(GetParam()) == "isolated") {
    GTEST_SKIP()
        << "the sanitizer has a thread of its own in every sandbox, which then adopts no orphans";
  }
  const auto reply = loop_.run(client_->start_session(request("$CC $IN -o program -c")));
  ASSERT_TRUE(reply) << to_string(reply.error());
  const pid_t process = daemon();
  poll_until([&] { return has_ended(process); });
  EndSessionRequest end;
  end.set_session_id(reply->session_id());
  EXPECT_TRUE(loop_.run(client_->end_session(std::move(end))));
  stop();
}

TEST_P(DaemonTest, IsGoneWhenTheServiceIsAskedToEnd) {
  auto hanging = start_what_hangs();
  const pid_t process = daemon();
  EXPECT_FALSE(loop_.run(service_->async_stop()).had_to_be_killed);
  poll_until([&] { return has_ended(process); });
  EXPECT_FALSE(hanging.get());
}

TEST_P(DaemonTest, IsGoneWhenTheServiceIsKilled) {
  auto hanging = start_what_hangs();
  const pid_t process = daemon();
  kill(service_->pid(), SIGKILL);
  EXPECT_EQ(loop_.run(service_->async_wait()).returncode, -SIGKILL);
  poll_until([&] { return has_ended(process); });
  EXPECT_FALSE(hanging.get());
}

INSTANTIATE_TEST_SUITE_P(, DaemonTest, ::testing::Values("inline", "isolated"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace compiler_gym::testing

// How many processes wait for another session, for how long, and what one may take.
#include <fstream>
#include <vector>

#include "tests/isolated/recycling_fixture.h"

namespace compiler_gym::testing {
namespace {

TEST_F(RecyclingTest, AProcessServesSoManySessions) {
  isolated::IsolationOptions options;
  options.recycle.max_sessions = 3;
  serve_isolated(options);
  std::vector<pid_t> processes;
  for (int i = 0; i < 4; ++i) {
    const Session::Id session = started();
    processes.push_back(process_of(session));
    EXPECT_EQ(failure(end(session)->get()), "OK");
  }
  EXPECT_EQ(processes[1], processes[0]);
  EXPECT_EQ(processes[2], processes[0]);
  EXPECT_NE(processes[3], processes[0]);
}

TEST_F(RecyclingTest, SoManyAreKept) {
  isolated::IsolationOptions options;
  options.recycle.max_idle_per_template = 1;
  serve_isolated(options);
  const Session::Id first = started();
  const Session::Id second = started();
  const pid_t process = process_of(second);
  end_to_idle(first);
  EXPECT_EQ(failure(end(second)->get()), "OK");
  poll_until([&] { return is_gone(process); });
  wait_for("discarded", 1);
  EXPECT_EQ(sandboxes("idle"), 1U);
}

TEST_F(RecyclingTest, TheyGoWithTheirTemplate) {
  isolated::IsolationOptions options;
  options.max_templates = 1;
  serve_isolated(options);
  const Session::Id session = started("benchmark://test/1");
  const pid_t process = process_of(session);
  end_to_idle(session);
  EXPECT_EQ(failure(start("benchmark://test/2")), "OK");
  poll_until([&] { return is_gone(process); });
  wait_for("idle", 0);
}

TEST_F(RecyclingTest, TheyGoForAnyOtherProcessThatIsNeeded) {
  serve_isolated();
  std::vector<Session::Id> sessions;
  while (sessions.size() + 1 < kMaxSandboxes) {  // and a template
    sessions.push_back(started("benchmark://test/1"));
  }
  EXPECT_EQ(failure(start("benchmark://test/1")),
            "RESOURCE_EXHAUSTED: 32 sandbox processes are there already, the limit is 32");
  const auto end_one = [&] {
    EXPECT_EQ(failure(end(sessions.back())->get()), "OK");
    sessions.pop_back();
  };
  end_one();
  EXPECT_EQ(failure(fork(sessions.front())->get()), "OK") << "for a fork of a session";
  end_one();
  end_one();
  EXPECT_EQ(failure(start("benchmark://test/2")), "OK") << "for a template, and a fork of it";
  wait_for("discarded", 3);
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, TheyGoWithTheService) {
  serve_isolated();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  end_to_idle(session);
  EXPECT_FALSE(is_gone(process));
  get_within_watchdog(service->async_end_all(boost::asio::use_future));
  EXPECT_TRUE(is_gone(process));
}

class RecyclingWithCpuLimitTest : public RecyclingTest {
 protected:
  static constexpr int kSeconds = 1000;

  RecyclingWithCpuLimitTest()
      : RecyclingTest(recyclable_plugin({.cpu_time = std::chrono::seconds(kSeconds)})) {}

  // The soft limit of processor time.
  static int cpu_limit(pid_t process) {
    std::ifstream limits("/proc/" + std::to_string(process) + "/limits");
    const std::string name = "Max cpu time";
    for (std::string line; std::getline(limits, line);) {
      if (line.starts_with(name)) {
        return std::stoi(line.substr(name.size()));
      }
    }
    return -1;
  }
};

TEST_F(RecyclingWithCpuLimitTest, EachSessionHasTheWholeLimit) {
  serve_isolated();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  EXPECT_EQ(cpu_limit(process), kSeconds);
  end_to_idle(session);
  EXPECT_GT(cpu_limit(process), kSeconds) << "from what has been used, rounded up";
  const Session::Id next = started();
  ASSERT_EQ(process_of(next), process);
  EXPECT_LE(cpu_limit(process_of(forked(next))), kSeconds + 1) << "of a process that has used none";
}

}  // namespace
}  // namespace compiler_gym::testing

// The example of a context with state: a total over all sessions and over restarts.
#include <boost/filesystem/operations.hpp>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/process/process_fixture.h"
#include "tests/sessions/parse_proto.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;

class CountingServiceTest : public ProcessTest {
 protected:
  static std::int64_t total(WireClient& client, std::int64_t session) {
    const Result<StepReply> reply = client.step(session, {}, {0});
    EXPECT_TRUE(reply) << outcome(reply);
    return reply ? reply->observation(0).int64_value() : -1;
  }
};

TEST_F(CountingServiceTest, SessionsShareTheTotalAndItSurvivesARestart) {
  serve(kCountingService);
  {
    WireClient client = connect();
    EXPECT_EQ(outcome(client.start_session()), "OK");
    EXPECT_EQ(outcome(client.start_session()), "OK");
    EXPECT_EQ(outcome(client.step(0, {0, 0, 0})), "OK");
    EXPECT_EQ(total(client, 1), 3);
    EXPECT_EQ(outcome(client.step(1, {0})), "OK");
    EXPECT_EQ(total(client, 0), 4);
    EXPECT_EQ(outcome(client.end_session(0)), "OK");
    EXPECT_EQ(outcome(client.end_session(1)), "OK");
  }
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(read_file(working_dir() / "total.txt"), "4\n");

  serve(kCountingService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(total(client, 0), 4);
}

TEST_F(CountingServiceTest, LosesNoActionOfSessionsThatStepTogether) {
  constexpr int kSessions = 8;
  constexpr int kSteps = 25;
  serve(kCountingService);
  WireClient client = connect();
  std::vector<std::jthread> steppers;
  for (int i = 0; i < kSessions; ++i) {
    steppers.emplace_back([&client] {
      const Result<StartSessionReply> started = client.start_session();
      ASSERT_TRUE(started) << outcome(started);
      for (int step = 0; step < kSteps; ++step) {
        EXPECT_EQ(outcome(client.step(started->session_id(), {0, 0})), "OK");
      }
    });
  }
  steppers.clear();
  EXPECT_EQ(total(client, 0), 2 * kSessions * kSteps);
}

TEST_F(CountingServiceTest, RefusesOtherActionsAndCannotFork) {
  serve(kCountingService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(outcome(client.step(0, {0, 1, 0})), "INVALID_ARGUMENT: action outside [0, 1)");
  EXPECT_EQ(total(client, 0), 1) << "the action before it stays applied";
  EXPECT_EQ(outcome(client.fork_session(0)),
            "UNIMPLEMENTED: CompilationSession::init(CompilationSession*) not implemented");
}

TEST_F(CountingServiceTest, ATotalThatIsNoNumberKeepsItFromStarting) {
  fs::create_directories(working_dir());
  std::ofstream((working_dir() / "total.txt").string()) << "many";
  run(kCountingService, {"--working_dir", working_dir().string()});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(),
            "ERROR: DATA_LOSS: no number in " + (working_dir() / "total.txt").string() + "\n");
  EXPECT_EQ(read_file(working_dir() / "total.txt"), "many") << "what cannot be read is not lost";
}

}  // namespace
}  // namespace compiler_gym::testing

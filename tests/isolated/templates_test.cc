// A benchmark is loaded once for all sessions on it.
#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {
namespace {

class TemplatesTest : public IsolatedTest {};

TEST_F(TemplatesTest, SessionsThatStartTogetherWaitForOneLoading) {
  FifoGate gate(path("gate"));
  serve_isolated();
  std::vector<StartCall> starts;
  for (int i = 0; i < 5; ++i) {
    starts.push_back(start_soon("gate"));
  }
  gate.wait_for_arrival();
  for (const StartCall& call : starts) {
    EXPECT_FALSE(call->answered());
  }
  EXPECT_EQ(failure(start_on("another")), "OK") << "loading one delays no other";
  gate.let_pass();
  for (const StartCall& call : starts) {
    EXPECT_EQ(failure(call->get()), "OK");
  }
  EXPECT_EQ(contents("loads"), "benchmark://gate\nbenchmark://another\n");
}

TEST_F(TemplatesTest, LaterSessionsFindItLoaded) {
  serve_isolated();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failure(start_on("x")), "OK") << "though the program is sent each time";
  }
  EXPECT_EQ(failure(start_by_uri("benchmark://x")), "OK");
  EXPECT_EQ(loads(), 1);
}

TEST_F(TemplatesTest, AnotherActionSpaceIsAnotherTemplate) {
  serve_isolated();
  EXPECT_EQ(failure(start_on("x")), "OK");
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://x");
  request.set_action_space(1);
  EXPECT_EQ(failure(start(request)), "OK");
  EXPECT_EQ(loads(), 2);
}

TEST_F(TemplatesTest, AReplacedBenchmarkIsLoadedAnew) {
  serve_isolated();
  EXPECT_EQ(failure(start_on("x")), "OK");
  AddBenchmarkRequest request;
  request.add_benchmark()->set_uri("benchmark://x");
  request.mutable_benchmark(0)->mutable_program()->set_contents("fail");
  service->add_benchmarks(request);
  EXPECT_EQ(failure(start_by_uri("benchmark://x")),
            "FAILED_PRECONDITION: no licence for this program");
  EXPECT_EQ(loads(), 2);
}

TEST_F(TemplatesTest, AProgramThatLiesElsewhereIsLoadedAnewWhenItChanges) {
  put("program", "");
  isolated::IsolationOptions options;
  options.program_stamp = [this](const Benchmark&) { return contents("program"); };
  serve_isolated(options);
  EXPECT_EQ(failure(start_on("file")), "OK");
  EXPECT_EQ(failure(start_on("file")), "OK");
  put("program", "fail");
  EXPECT_EQ(failure(start_on("file")), "FAILED_PRECONDITION: no licence for this program");
  EXPECT_EQ(loads(), 2);
}

TEST_F(TemplatesTest, TheLeastRecentlyUsedGoFirst) {
  isolated::IsolationOptions options;
  options.max_templates = 2;
  serve_isolated(options);
  for (const char* program : {"a", "b", "a", "c", "a", "b"}) {
    EXPECT_EQ(failure(start_on(program)), "OK");
  }
  EXPECT_EQ(contents("loads"), "benchmark://a\nbenchmark://b\nbenchmark://c\nbenchmark://b\n");
}

TEST_F(TemplatesTest, AFailureIsGivenToAllWhoWaitAndNotKept) {
  put("program", "fail");
  serve_isolated();
  const StartCall first = start_soon("file");
  const StartCall second = start_soon("file");
  EXPECT_EQ(failure(first->get()), "FAILED_PRECONDITION: no licence for this program");
  EXPECT_EQ(failure(second->get()), "FAILED_PRECONDITION: no licence for this program");
  put("program", "");
  EXPECT_EQ(failure(start_on("file")), "OK");
}

TEST_F(TemplatesTest, AProgramThatCrashesTheCompilerIsABadRequest) {
  serve_isolated();
  EXPECT_EQ(failure(start_on("exit")),
            "INVALID_ARGUMENT: Benchmark \"benchmark://exit\" can't be loaded: its sandbox process "
            "ended with exit status 3");
  EXPECT_EQ(failure(start_on("x")), "OK");
}

TEST_F(TemplatesTest, ATemplateThatWasKilledIsReplaced) {
  serve_isolated();
  EXPECT_EQ(failure(start_on("x")), "OK");
  kill(std::stoi(contents("loader")), SIGKILL);
  EXPECT_EQ(failure(start_on("x")), "OK");
  EXPECT_EQ(loads(), 2);
}

TEST_F(TemplatesTest, WhoLeavesDoesNotWaitAndTheLastOneEndsTheLoading) {
  FifoGate gate(path("gate"));
  isolated::IsolationOptions options;
  options.timeouts.cancel_grace = std::chrono::milliseconds(0);
  serve_isolated(options);
  const StartCall first = start_soon("hang");
  const StartCall second = start_soon("hang");
  gate.wait_for_arrival();
  first->stop.request_stop();
  EXPECT_EQ(failure(first->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_FALSE(second->answered());
  second->stop.request_stop();
  EXPECT_EQ(failure(second->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(service->session_count(), 0U);
}

}  // namespace
}  // namespace compiler_gym::testing

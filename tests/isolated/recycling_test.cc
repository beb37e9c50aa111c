// A process whose session has ended serves the next one, unless something may have stayed behind in it.
#include "tests/isolated/recycling_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(RecyclingTest, TheProcessOfASessionThatHasEndedServesTheNext) {
  serve_isolated();
  const Session::Id first = started();
  EXPECT_EQ(failure(step(first, {1, 2, 3})->get()), "OK");
  EXPECT_EQ(answer(first, "push", "4"), "4");
  const pid_t process = process_of(first);
  end_to_idle(first);

  const Result<StartSessionReply> reply = start("benchmark://test/1", {0, 1});
  ASSERT_TRUE(reply) << failure(reply);
  EXPECT_THAT(reply->observation(0).int64_tensor().value(), IsEmpty());
  EXPECT_EQ(reply->observation(1).int64_value(), process);
  EXPECT_EQ(failure(step(reply->session_id(), {7})->get()), "OK");
  EXPECT_THAT(history(reply->session_id()), ElementsAre(7));
  EXPECT_EQ(sandboxes("reused"), 1U);
  EXPECT_EQ(sandboxes("forked"), 1U);
  EXPECT_EQ(sandboxes("idle"), 0U);
  EXPECT_EQ(loads(), 2) << "and the session itself was initialised anew";
}

TEST_F(RecyclingTest, WhoStartsAtOnceWaitsForTheProcessInsteadOfAFork) {
  serve_isolated();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(failure(end(started())->get()), "OK");
  }
  EXPECT_EQ(sandboxes("forked"), 1U);
  EXPECT_EQ(sandboxes("reused"), 19U);
}

TEST_F(RecyclingTest, AnotherBenchmarkOrActionSpaceHasProcessesOfItsOwn) {
  serve_isolated();
  end_to_idle(started());
  EXPECT_EQ(failure(start("benchmark://test/2")), "OK");
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://test/1");
  request.set_action_space(1);
  EXPECT_EQ(failure(start(request)), "OK");
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, TheProcessOfAForkBeginsAnewAsWell) {
  serve_isolated();
  const Session::Id parent = started();
  EXPECT_EQ(failure(step(parent, {1, 2})->get()), "OK");
  const Session::Id fork = forked(parent);
  EXPECT_EQ(failure(step(fork, {3})->get()), "OK");
  const pid_t process = process_of(fork);
  end_to_idle(fork);
  const Session::Id next = started();
  EXPECT_EQ(process_of(next), process);
  EXPECT_THAT(history(next), IsEmpty());
  EXPECT_THAT(history(parent), ElementsAre(1, 2));
}

TEST_F(RecyclingTest, ARestoredSessionTakesOneToo) {
  serve_isolated();
  const Session::Id session = started();
  const Session::Id other = started();
  EXPECT_EQ(failure(step(session, {1, 2})->get()), "OK");
  const pid_t process = process_of(other);
  end_to_idle(other);
  kill(process_of(session), SIGKILL);
  EXPECT_THAT(history(session), ElementsAre(1, 2));
  EXPECT_EQ(process_of(session), process);
}

TEST_F(RecyclingTest, ADeadProcessIsNotHandedOut) {
  isolated::IsolationOptions options;
  options.recover = false;
  serve_isolated(options);
  const Session::Id session = started();
  const pid_t process = process_of(session);
  end_to_idle(session);
  kill(process, SIGKILL);
  poll_until([&] { return is_gone(process); });
  EXPECT_THAT(history(started()), IsEmpty());
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, ClientsMayReadTheFigures) {
  serve_isolated();
  const Session::Id session = started();
  end_to_idle(started());
  EXPECT_EQ(answer(session, "service.sandboxes.get_idle", ""), "1");
  EXPECT_EQ(answer(session, "service.sandboxes.get_forked", ""), "2");
  EXPECT_GT(std::stoull(answer(session, "service.sandboxes.get_idle_bytes", "")), 100'000U);
  EXPECT_EQ(answer(session, "service.sandboxes.get_discarded", ""), "0");
  EXPECT_EQ(answer(session, "service.sandboxes.get_reused", ""), "0");
  EXPECT_EQ(answer(session, "service.sandboxes.get_rich", ""),
            "INVALID_ARGUMENT: Unknown parameter: service.sandboxes.get_rich");
}

// ------------------------------------------------------------------- what keeps one from being reused

class HarmTest;
using DoHarm = void (*)(HarmTest&, Session::Id);

struct HarmRow {
  const char* name;
  DoHarm harm;
};

class HarmTest : public RecyclingTest, public ::testing::WithParamInterface<HarmRow> {
 public:
  std::string step_fails(Session::Id session, std::int64_t action) {
    return failure(step(session, {1, action})->get());
  }
  using RecyclingTest::answer;
  using RecyclingTest::path;
  using RecyclingTest::step;
};

TEST_P(HarmTest, KeepsTheProcessFromServingAnother) {
  isolated::IsolationOptions options;
  options.timeouts.cancel_grace = std::chrono::hours(1);
  serve_isolated(options);
  const Session::Id session = started();
  const pid_t process = process_of(session);
  GetParam().harm(*this, session);
  EXPECT_EQ(failure(end(session)->get()), "OK");
  EXPECT_NE(process_of(started()), process);
  EXPECT_EQ(sandboxes("reused"), 0U);
  EXPECT_EQ(sandboxes("idle"), 0U);
  poll_until([&] { return is_gone(process); });
}

INSTANTIATE_TEST_SUITE_P(
    , HarmTest,
    ::testing::Values(HarmRow{"AFailedStep",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_EQ(test.step_fails(session, kBadAction),
                                          "INVALID_ARGUMENT: Out-of-range");
                              }},
                      HarmRow{"ABrokenState",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_NE(test.step_fails(session, kBreak), "OK");
                              }},
                      HarmRow{"ACrash",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_NE(test.step_fails(session, kExit), "OK");
                              }},
                      HarmRow{"ABadParameter",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_NE(test.answer(session, "push", "no number"), "no number");
                              }},
                      HarmRow{"AStepThatWasCancelled",
                              [](HarmTest& test, Session::Id session) {
                                FifoGate gate(test.path("gate"));
                                const StepCall waiting = test.step(session, {1, kWaitAtGate, 2});
                                gate.wait_for_arrival();
                                waiting->stop.request_stop();
                                gate.let_pass();
                                EXPECT_NE(failure(waiting->get()), "OK");
                              }},
                      HarmRow{"ItsOwnWord",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_EQ(test.answer(session, "stain", "1"), "1");
                              }},
                      HarmRow{"AFileItHasLeft",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_EQ(test.answer(session, "scratch", "file"), "file");
                              }},
                      HarmRow{"AProcessItHasLeft",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_NE(test.answer(session, "escape", ""), "-1");
                              }},
                      HarmRow{"MemoryItHasLeft",
                              [](HarmTest& test, Session::Id session) {
                                EXPECT_EQ(test.answer(session, "leak", "40"), "40");
                              }}),
    [](const auto& row) { return row.param.name; });

TEST_F(RecyclingTest, AForkOfASessionThatFailedIsNotReusedEither) {
  serve_isolated();
  const Session::Id parent = started();
  EXPECT_NE(failure(step(parent, {kBadAction})->get()), "OK");
  const Session::Id fork = forked(parent);
  EXPECT_EQ(failure(step(fork, {1})->get()), "OK");
  EXPECT_EQ(failure(end(fork)->get()), "OK");
  EXPECT_EQ(failure(start()), "OK");
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, OneThatCanNotBeResetIsReplaced) {
  put("program", "");
  serve_isolated();
  const Result<StartSessionReply> first = start_on("file");
  ASSERT_TRUE(first);
  put("program", "fail");
  EXPECT_EQ(failure(end(first->session_id())->get()), "OK");
  wait_for("discarded", 1);
  EXPECT_EQ(failure(start_on("file")), "OK") << "the template has what there was";
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, OneThatHasLoadedAnotherProgramIsNotReused) {
  put("program", "");
  isolated::IsolationOptions options;
  options.program_stamp = [this](const Benchmark&) { return "stamp " + contents("program"); };
  serve_isolated(options);
  const Result<StartSessionReply> first = start_on("file");
  ASSERT_TRUE(first);
  put("program", "another");
  EXPECT_EQ(failure(end(first->session_id())->get()), "OK");
  wait_for("discarded", 1);
  put("program", "");
  EXPECT_EQ(failure(start_on("file")), "OK");
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, AResetThatHangsHoldsUpNobodyForLong) {
  FifoGate gate(path("gate"));
  put("program", "");
  isolated::IsolationOptions options;
  options.timeouts.reset_timeout = std::chrono::milliseconds(1);
  options.timeouts.cancel_grace = std::chrono::milliseconds(0);
  serve_isolated(options);
  const Result<StartSessionReply> first = start_on("file");
  ASSERT_TRUE(first);
  put("program", "gate");
  EXPECT_EQ(failure(end(first->session_id())->get()), "OK");
  EXPECT_EQ(failure(start_on("file")), "OK");
  EXPECT_EQ(sandboxes("reused"), 0U);
}

// ----------------------------------------------------------------------------------- who says so

class NotRecyclableTest : public IsolatedTest {};

TEST_F(NotRecyclableTest, ACompilerThatSaysNothingHasAProcessForEachSession) {
  serve_isolated();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  EXPECT_EQ(failure(end(session)->get()), "OK");
  EXPECT_TRUE(is_gone(process)) << "when the end is answered";
  EXPECT_EQ(failure(start()), "OK");
  EXPECT_EQ(sandboxes("reused"), 0U);
}

TEST_F(RecyclingTest, NoneIsReusedIfThatIsNotWanted) {
  isolated::IsolationOptions options;
  options.recycle.enabled = false;
  serve_isolated(options);
  const Session::Id session = started();
  const pid_t process = process_of(session);
  EXPECT_EQ(failure(end(session)->get()), "OK");
  EXPECT_TRUE(is_gone(process)) << "when the end is answered";
  EXPECT_EQ(failure(start()), "OK");
  EXPECT_EQ(sandboxes("reused"), 0U);
}

}  // namespace
}  // namespace compiler_gym::testing

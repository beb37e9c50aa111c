// Where a session runs: as the service says, unless the client says otherwise in time.
#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

class ExecutorChoiceTest : public IsolatedTest {
 protected:
  std::string choose(Session::Id session, const std::string& where) {
    return failure(parameter(session, "service.executor", where)->get());
  }
};

TEST_F(ExecutorChoiceTest, ASessionMovesBeforeItsFirstAction) {
  serve_isolated();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  EXPECT_NE(process, getpid());
  EXPECT_EQ(choose(session, "inline"), "OK");
  EXPECT_EQ(process_of(session), getpid());
  EXPECT_TRUE(is_gone(process));
  EXPECT_EQ(choose(session, "isolated"), "OK");
  EXPECT_NE(process_of(session), getpid());
}

TEST_F(ExecutorChoiceTest, TheReplyIsTheValue) {
  serve_isolated();
  const Session::Id session = started();
  for (const char* where : {"isolated", "inline", "inline"}) {
    const auto reply = parameter(session, "service.executor", where)->get();
    ASSERT_TRUE(reply) << failure(reply);
    EXPECT_THAT(reply->reply(), ElementsAre(where));
  }
}

TEST_F(ExecutorChoiceTest, ItsParametersMoveWithIt) {
  serve_isolated({}, {.executor = ExecutorKind::kInline});
  const Session::Id session = started();
  EXPECT_EQ(failure(parameter(session, "push", "7")->get()), "OK");
  EXPECT_EQ(choose(session, "isolated"), "OK");
  EXPECT_THAT(history(session), ElementsAre(7));
}

TEST_F(ExecutorChoiceTest, WhatWasOnlyAQuestionDoesNot) {
  serve_isolated({}, {.executor = ExecutorKind::kInline});
  const Session::Id session = started();
  EXPECT_EQ(failure(parameter(session, "ask", "?")->get()), "OK");
  EXPECT_EQ(choose(session, "isolated"), "OK");
  EXPECT_EQ(contents("asked"), "\n");
}

TEST_F(ExecutorChoiceTest, NobodyGetsWhatTheServiceDoesNotAllow) {
  serve_isolated({}, {.executor = ExecutorKind::kIsolated, .allow_inline = false});
  const Session::Id session = started();
  EXPECT_EQ(choose(session, "inline"),
            "INVALID_ARGUMENT: service.executor: this service does not allow inline "
            "(--allow_executors)");
  EXPECT_EQ(choose(session, "isolated"), "OK");
  EXPECT_NE(process_of(session), getpid());
}

TEST_F(ExecutorChoiceTest, AfterAnActionItStaysWhereItIs) {
  constexpr auto* kRefusal =
      "INVALID_ARGUMENT: service.executor: can be set before the first action only";
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  const pid_t process = process_of(session);
  EXPECT_EQ(choose(session, "inline"), kRefusal);
  EXPECT_EQ(choose(forked(session), "inline"), kRefusal) << "as does a fork";
  EXPECT_EQ(process_of(session), process);
  EXPECT_THAT(history(session), ElementsAre(1));
}

TEST_F(ExecutorChoiceTest, AnotherValueIsRefused) {
  serve_isolated();
  EXPECT_EQ(choose(started(), "remote"),
            "INVALID_ARGUMENT: service.executor: expected inline or isolated, received: 'remote'");
}

TEST_F(ExecutorChoiceTest, WithoutSandboxesASessionStaysInline) {
  serve({}, plugin_.make_session);
  const Session::Id session = started();
  EXPECT_EQ(choose(session, "isolated"),
            "INVALID_ARGUMENT: service.executor: sessions of this service share what they change, "
            "and can't be isolated");
  EXPECT_EQ(choose(session, "inline"), "OK");
}

TEST_F(ExecutorChoiceTest, AMoveThatFailsLeavesTheSessionWhereItWas) {
  put("program", "");
  serve_isolated({}, {.executor = ExecutorKind::kInline});
  const Result<StartSessionReply> reply = start_on("file");
  ASSERT_TRUE(reply) << failure(reply);
  put("program", "fail");
  EXPECT_EQ(choose(reply->session_id(), "isolated"),
            "FAILED_PRECONDITION: no licence for this program");
  EXPECT_EQ(process_of(reply->session_id()), getpid());
}

}  // namespace
}  // namespace compiler_gym::testing

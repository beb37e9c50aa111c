// A session class written for CompilerGym is served without change. (tests/process serves it over the wire.)
#include "tests/sessions/ported_session.h"

#include <gmock/gmock.h>

#include "tests/sessions/parse_proto.h"
#include "tests/sessions/service_fixture.h"

namespace compiler_gym::testing {
namespace {

class PortedSessionTest : public ServiceFixture {
 protected:
  PortedSessionTest() {
    serve({}, [](CompilerGymServiceContext& context) {
      return std::make_unique<ported::PortedSession>(context);
    });
  }

  Session::Id start_on(const std::string& text) {
    auto request = parse_proto<StartSessionRequest>("benchmark { uri: 'benchmark://text' }");
    request.mutable_benchmark()->mutable_program()->set_contents(text);
    const Result<StartSessionReply> reply = start(std::move(request));
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? reply->session_id() : -1;
  }

  StepReply reply_of(const StepCall& call) {
    Result<StepReply> reply = call->get();
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? *std::move(reply) : StepReply();
  }
};

TEST_F(PortedSessionTest, OffersItsSpaces) {
  EXPECT_EQ(service->spaces().compiler_version(), "semicolons 1.0");
  EXPECT_THAT(service->spaces().reply(),
              IsProto("action_space_list { name: 'removal' space { named_discrete {"
                      "  name: 'first' name: 'all' } } }"
                      "observation_space_list { name: 'count' space { int64_value { min: 0 } } }"
                      "observation_space_list { name: 'directory' space { string_value {} } }"));
}

TEST_F(PortedSessionTest, StepsForksAndTakesParameters) {
  const Session::Id session = start_on("a;b;c;");
  EXPECT_THAT(reply_of(step(session, {0}, {0, 1})),
              IsProto("observation { int64_value: 2 } observation { string_value: '/service' }"));
  const Session::Id fork = forked(session);
  EXPECT_THAT(reply_of(step(session, {1, 1}, {0})), IsProto("observation { int64_value: 0 }"));
  EXPECT_THAT(reply_of(step(session, {1}, {})), IsProto("action_had_no_effect: true"));
  EXPECT_THAT(reply_of(step(fork, {}, {0})),
              IsProto("action_had_no_effect: true observation { int64_value: 2 }"));

  const Result<SendSessionParameterReply> idle =
      parameter(session, "semicolons.get_idle_steps")->get();
  ASSERT_TRUE(idle) << failure(idle);
  EXPECT_THAT(*idle, IsProto("reply: '1'"));
  EXPECT_EQ(failure(parameter(session, "semicolons.unknown")->get()),
            "INVALID_ARGUMENT: Unknown parameter: semicolons.unknown");
  EXPECT_EQ(failure(step(session, {2})->get()), "INVALID_ARGUMENT: Out-of-range");
}

TEST_F(PortedSessionTest, EndsItsEpisode) {
  EXPECT_THAT(reply_of(step(start_on(";;"), {0, 1, 1}, {0})),
              IsProto("end_of_session: true new_action_space { name: 'nothing left' }"
                      "observation { int64_value: 0 }"));
}

}  // namespace
}  // namespace compiler_gym::testing

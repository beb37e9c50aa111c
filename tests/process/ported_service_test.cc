// A session class and a main() written for CompilerGym, served over the wire.
#include "tests/process/process_fixture.h"
#include "tests/sessions/parse_proto.h"

namespace compiler_gym::testing {
namespace {

TEST_F(ProcessTest, ServesASessionClassWrittenForCompilerGym) {
  serve(kPortedService);
  WireClient client = connect();
  const Result<GetVersionReply> version = client.get_version();
  ASSERT_TRUE(version) << outcome(version);
  EXPECT_EQ(version->compiler_version(), "semicolons 1.0");

  const Result<StartSessionReply> started = client.start_session(parse_proto<StartSessionRequest>(
      "benchmark { uri: 'benchmark://text' program { contents: 'a;b;;' } }"
      "observation_space: [0, 1]"));
  ASSERT_TRUE(started) << outcome(started);
  EXPECT_THAT(*started, IsProto("observation { int64_value: 3 } observation { string_value: '" +
                                working_dir().string() + "' }"));
  EXPECT_EQ(outcome(client.fork_session(0)), "OK");
  const Result<StepReply> all_removed = client.step(0, {1}, {0});
  ASSERT_TRUE(all_removed) << outcome(all_removed);
  EXPECT_THAT(*all_removed, IsProto("observation { int64_value: 0 }"));
  const Result<StepReply> of_fork = client.step(1, {0}, {0});
  ASSERT_TRUE(of_fork) << outcome(of_fork);
  EXPECT_THAT(*of_fork, IsProto("observation { int64_value: 2 }"));
  const Result<SendSessionParameterReply> idle =
      client.send_session_parameter(1, "semicolons.get_idle_steps");
  ASSERT_TRUE(idle) << outcome(idle);
  EXPECT_THAT(*idle, IsProto("reply: '0'"));
  EXPECT_EQ(outcome(client.step(0, {5})), "INVALID_ARGUMENT: Out-of-range");
  EXPECT_EQ(outcome(client.end_session(0)), "OK");
  EXPECT_EQ(outcome(client.end_session(1)), "OK");
  EXPECT_EQ(stop(), 0);
}

}  // namespace
}  // namespace compiler_gym::testing

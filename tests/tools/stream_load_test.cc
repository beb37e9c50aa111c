// The load that goes through streams.
#include <gmock/gmock.h>

#include "tests/async_server/stream_fixture.h"
#include "tools/load/load_generator.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;

using StreamLoadTest = StreamFixture;

TEST_F(StreamLoadTest, SendsItsStepsThroughOneStreamPerConnection) {
  serve();
  LoadOptions options;
  options.target = server->addresses().front();
  options.stream = true;
  options.connections = 2;
  options.sessions = 6;
  options.warmup = 0s;
  options.duration.reset();
  options.operations = 300;
  options.actions_per_step = 0;
  options.observation_spaces = {"history"};
  LoadGenerator generator(loop_.pump(), options);
  const Result<LoadResult> result = loop_.run(generator.async_run());
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ((*result)[Rpc::kStep].latency.count(), 300U);
  EXPECT_EQ((*result)[Rpc::kStep].error_count(), 0U);
  EXPECT_EQ(server->session_count(), 0U);
  EXPECT_THAT(to_text(options, *result), ::testing::HasSubstr("6 in flight on streams"));
}

}  // namespace
}  // namespace compiler_gym::testing

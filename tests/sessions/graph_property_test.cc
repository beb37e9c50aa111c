// With and without the state graph, whatever its bound, every answer is the same.
#include "tests/sessions/graph_transcript.h"

namespace compiler_gym::testing {
namespace {

// One service after another, of which the fixture would be one.
class OneService : public ServiceFixture {
 public:
  explicit OneService(std::size_t state_graph_bytes, SessionServiceOptions options = {}) {
    context_host.state_graph().set_max_size_in_bytes(state_graph_bytes);
    serve(std::move(options), [](CompilerGymServiceContext& context) {
      return std::make_unique<ReproducibleSession>(context);
    });
  }
  SessionService& get() { return *service; }
  StateGraph::Figures figures() { return context_host.state_graph().figures(); }

 private:
  void TestBody() override {}
};

constexpr int kRequests = 600;
constexpr std::size_t kAmple = 50'000'000;
constexpr std::size_t kTight = 30'000;

class GraphPropertyTest : public ::testing::TestWithParam<unsigned> {
 protected:
  GraphPropertyTest() { ReproducibleSession::ends_only_check = GetParam() % 2 == 0; }

  static std::vector<std::string> transcript(SessionService& service) {
    return GraphTranscript(service, GetParam()).run(kRequests);
  }
  // The first line that differs says more than all.
  static void expect_equal(const std::vector<std::string>& with,
                           const std::vector<std::string>& without) {
    ASSERT_EQ(with.size(), without.size());
    for (std::size_t i = 0; i < with.size(); ++i) {
      ASSERT_EQ(with[i], without[i]) << "request " << i;
    }
  }
};

TEST_P(GraphPropertyTest, EveryAnswerIsTheSameWithTheGraph) {
  const std::vector<std::string> without = transcript(OneService(0).get());
  OneService with(kAmple);
  expect_equal(transcript(with.get()), without);
  EXPECT_GT(with.figures().hits, kRequests / 20);
  EXPECT_EQ(with.figures().evictions, 0U);
  EXPECT_EQ(with.figures().conflicts, 0U);
}

TEST_P(GraphPropertyTest, EveryAnswerIsTheSameWithAGraphThatForgets) {
  const std::vector<std::string> without = transcript(OneService(0).get());
  OneService with(kTight);
  expect_equal(transcript(with.get()), without);
  EXPECT_GT(with.figures().evictions, 0U);
  EXPECT_EQ(with.figures().conflicts, 0U);
}

TEST_P(GraphPropertyTest, EveryAnswerIsTheSameWithoutRoomForCompilers) {
  const std::vector<std::string> without = transcript(OneService(0).get());
  OneService with(kAmple, {.max_executor_bytes = 1});
  expect_equal(transcript(with.get()), without);
  EXPECT_EQ(with.figures().conflicts, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, GraphPropertyTest, ::testing::Range(1U, 21U));

}  // namespace
}  // namespace compiler_gym::testing

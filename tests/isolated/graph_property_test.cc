// With and without the state graph, every answer of isolated sessions is the same, whatever happens to
// their processes.
#include <unistd.h>

#include "tests/isolated/isolated_fixture.h"
#include "tests/sessions/graph_transcript.h"
#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

IsolatedPlugin reproducible_plugin() {
  IsolatedPlugin plugin;
  plugin.make_session = [service = getpid()](CompilerGymServiceContext& context) {
    ReproducibleSession::may_die = getpid() != service;
    return std::make_unique<ReproducibleSession>(context);
  };
  return plugin;
}

// One service after another, of which the fixture would be one.
class OneIsolatedService : public IsolatedTest {
 public:
  explicit OneIsolatedService(std::size_t state_graph_bytes) : IsolatedTest(reproducible_plugin()) {
    context_host.state_graph().set_max_size_in_bytes(state_graph_bytes);
    serve_isolated();
  }

  std::vector<std::string> transcript(unsigned seed, int requests) {
    GraphTranscript story(*service, seed);
    story.disturb = [this](Session::Id session) { kill_process(session); };
    return story.run(requests);
  }
  StateGraph::Figures figures() { return context_host.state_graph().figures(); }
  [[nodiscard]] int killed() const { return killed_; }

 private:
  void TestBody() override {}

  // The process that the session is in, if it can be asked.
  void kill_process(Session::Id session) {
    const Result<StepReply> reply = step(session, {}, {ReproducibleSession::kProcess})->get();
    if (reply) {
      const auto process = static_cast<pid_t>(reply->observation(0).int64_value());
      kill(process, SIGKILL);
      poll_until([&] { return is_gone(process); });
      ++killed_;
    }
  }

  int killed_ = 0;
};

constexpr int kRequests = 250;

class IsolatedGraphPropertyTest : public ::testing::TestWithParam<unsigned> {
 protected:
  IsolatedGraphPropertyTest() { ReproducibleSession::ends_only_check = GetParam() % 2 == 0; }

  static void expect_equal(const std::vector<std::string>& with,
                           const std::vector<std::string>& without) {
    ASSERT_EQ(with.size(), without.size());
    for (std::size_t i = 0; i < with.size(); ++i) {
      ASSERT_EQ(with[i], without[i]) << "request " << i;
    }
  }
};

TEST_P(IsolatedGraphPropertyTest, EveryAnswerIsTheSameWithTheGraph) {
  std::vector<std::string> without;
  {
    OneIsolatedService service(0);
    without = service.transcript(GetParam(), kRequests);
    EXPECT_GT(service.killed(), 0);
  }
  for (const std::size_t bound : {50'000'000, 30'000}) {
    SCOPED_TRACE(std::to_string(bound) + " bytes");
    OneIsolatedService service(bound);
    expect_equal(service.transcript(GetParam(), kRequests), without);
    EXPECT_GT(service.figures().hits, kRequests / 20);
    EXPECT_EQ(service.figures().conflicts, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, IsolatedGraphPropertyTest, ::testing::Range(1U, 6U));

}  // namespace
}  // namespace compiler_gym::testing

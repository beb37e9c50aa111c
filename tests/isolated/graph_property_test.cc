// With and without the state graph, and with processes that serve one session after another or one only,
// every answer of isolated sessions is the same, whatever happens to their processes.
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

struct Setting {
  std::size_t state_graph_bytes;
  bool recycle;
  std::uint64_t max_executor_bytes = SessionServiceOptions().max_executor_bytes;
};

// One service after another, of which the fixture would be one.
class OneIsolatedService : public IsolatedTest {
 public:
  explicit OneIsolatedService(const Setting& setting) : IsolatedTest(reproducible_plugin()) {
    context_host.state_graph().set_max_size_in_bytes(setting.state_graph_bytes);
    isolated::IsolationOptions options;
    options.recycle.enabled = setting.recycle;
    serve_isolated(options, {.executor = ExecutorKind::kIsolated,
                             .max_executor_bytes = setting.max_executor_bytes});
  }

  std::vector<std::string> transcript(unsigned seed, int requests) {
    GraphTranscript story(*service, seed);
    story.disturb = [this](Session::Id session) { kill_process(session); };
    return story.run(requests);
  }
  StateGraph::Figures figures() { return context_host.state_graph().figures(); }
  [[nodiscard]] int killed() const { return killed_; }
  using IsolatedTest::sandboxes;

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

TEST_P(IsolatedGraphPropertyTest, EveryAnswerIsTheSameWithTheGraphAndWithRecycledProcesses) {
  std::vector<std::string> plain;
  {
    OneIsolatedService service({.state_graph_bytes = 0, .recycle = false});
    plain = service.transcript(GetParam(), kRequests);
    EXPECT_GT(service.killed(), 0);
    EXPECT_EQ(service.sandboxes("reused"), 0U);
  }
  for (const Setting& setting : {Setting{0, true}, Setting{50'000'000, true}, Setting{30'000, true},
                                 Setting{50'000'000, false}, Setting{50'000'000, true, 1}}) {
    SCOPED_TRACE(std::to_string(setting.state_graph_bytes) + " bytes, recycle " +
                 std::to_string(setting.recycle) + ", bytes of compilers " +
                 std::to_string(setting.max_executor_bytes));
    OneIsolatedService service(setting);
    expect_equal(service.transcript(GetParam(), kRequests), plain);
    if (setting.state_graph_bytes > 0) {
      EXPECT_GT(service.figures().hits, kRequests / 20);
      EXPECT_EQ(service.figures().conflicts, 0U);
    }
    if (setting.recycle) {
      EXPECT_GT(service.sandboxes("reused"), 3U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, IsolatedGraphPropertyTest, ::testing::Range(1U, 6U));

}  // namespace
}  // namespace compiler_gym::testing

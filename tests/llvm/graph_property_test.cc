// With and without the state graph, every answer of the LLVM service is the same byte for byte, inline and
// isolated, with processes that serve one session after another or one only, whatever happens to processes and
// however little the graph may hold.
#include <csignal>
#include <random>

#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"
#include "tests/isolated/isolated_fixture.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

struct Setting {
  ExecutorKind executor;
  std::size_t state_graph_bytes;
  bool recycle = false;
  std::uint64_t max_executor_bytes = SessionServiceOptions().max_executor_bytes;
};

IsolatedPlugin llvm_plugin(std::size_t state_graph_bytes) {
  return {.make_context =
              [state_graph_bytes](const boost::filesystem::path& directory) {
                return std::make_unique<LlvmServiceContext>(
                    directory, ServiceContextOptions{.state_graph_bytes = state_graph_bytes});
              },
          .make_session =
              [](CompilerGymServiceContext& made) {
                return std::make_unique<LlvmSession>(static_cast<LlvmServiceContext&>(made));
              }};
}

// A random story of sessions on one module, and what their clients hear.
class LlvmStory : public IsolatedTest {
 public:
  LlvmStory(const Setting& setting, const std::string& module, unsigned seed)
      : IsolatedTest(llvm_plugin(setting.state_graph_bytes)), setting_(setting), random_(seed) {
    EXPECT_TRUE(context().init().ok());
    context_host.state_graph().set_max_size_in_bytes(setting.state_graph_bytes);
    isolated::IsolationOptions options;
    options.recycle.enabled = setting.recycle;
    serve_isolated(
        options, {.executor = setting.executor, .max_executor_bytes = setting.max_executor_bytes});
    add(module);
    // Few, so that sessions meet.
    constexpr int kActions = 14;
    const auto space = passes_all_actions();
    while (actions_.size() < kActions) {
      const auto action = static_cast<std::int64_t>(random_() % space.size());
      const std::string_view flag = space[static_cast<std::size_t>(action)].flag;
      if (flag != "-attributor" && flag != "-scalarizer") {
        actions_.push_back(action);
      }
    }
  }

  std::vector<std::string> run(int requests) {
    for (int i = 0; i < requests; ++i) {
      next();
    }
    return std::move(heard_);
  }
  StateGraph::Figures figures() { return context_host.state_graph().figures(); }
  using IsolatedTest::sandboxes;

 private:
  void TestBody() override {}

  int below(int bound) {
    return static_cast<int>(random_() % static_cast<std::mt19937::result_type>(bound));
  }

  void add(const std::string& module) {
    AddBenchmarkRequest request;
    *request.add_benchmark() =
        *compiler_gym::make_benchmark("benchmark://m", start_bitcode(module));
    service->add_benchmarks(request);
  }

  void next() {
    const int what = below(100);
    if (sessions_.empty() || (what < 12 && sessions_.size() < 5)) {
      StartSessionRequest request;
      request.mutable_benchmark()->set_uri("benchmark://m");
      observe(request);
      const Result<StartSessionReply> reply = hear("start", start(request));
      if (reply) {
        sessions_.push_back(reply->session_id());
      }
      return;
    }
    const std::size_t which = random_() % sessions_.size();
    const Session::Id session = sessions_[which];
    // No more than there may be sandbox processes.
    const bool many = sessions_.size() >= 8;
    if (what < 20 && !many) {
      if (const Result<ForkSessionReply> reply = hear("fork", fork(session)->get())) {
        sessions_.push_back(reply->session_id());
      }
    } else if (what < 24) {
      set_parameter(session);
    } else if (what < 27) {
      kill_one_process();
    } else if (what < 40 || many) {
      hear("end", end(session)->get());
      sessions_.erase(sessions_.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      StepRequest request;
      std::vector<std::int64_t> actions;
      for (int i = below(3); i > 0; --i) {
        actions.push_back(actions_[random_() % actions_.size()]);
      }
      observe(request);
      hear("step", step(session, actions,
                        {request.observation_space().begin(), request.observation_space().end()})
                       ->get());
    }
  }

  void set_parameter(Session::Id session) {
    switch (below(6)) {
      case 0:
        hear("apply", parameter(session, "llvm.apply_baseline_optimizations", "-Oz")->get());
        return;
      case 1:
        hear("set", parameter(session, "llvm.set_runtimes_per_observation_count",
                              std::to_string(1 + below(3)))
                        ->get());
        return;
      case 2:
        hear("attributes",
             parameter(session, "llvm.apply_size_attributes", below(2) == 0 ? "minsize" : "none")
                 ->get());
        return;
      case 3:
        hear("pipeline", parameter(session, "llvm.apply_pipeline",
                                   below(4) == 0 ? "no-such-pass" : "function(sroa,simplifycfg)")
                             ->get());
        return;
      case 4:
        hear("clang", parameter(session, "llvm.apply_clang_pipeline", "-Os")->get());
        return;
      default:
        hear("get", parameter(session, "llvm.get_runtimes_per_observation_count")->get());
        return;
    }
  }

  template <typename Request>
  void observe(Request& request) {
    static constexpr std::array kObservations{
        LlvmObservation::kIrSha1,    LlvmObservation::kIrInstructionCount,
        LlvmObservation::kAutophase, LlvmObservation::kIr,
        LlvmObservation::kInstCount, LlvmObservation::kObjectTextSizeBytes};
    for (int i = below(3); i > 0; --i) {
      request.add_observation_space(
          static_cast<int>(kObservations[random_() % kObservations.size()]));
    }
  }

  // Any that is the zygote's child; which one is not part of the story.
  void kill_one_process() {
    if (setting_.executor == ExecutorKind::kInline) {
      return;
    }
    for (const auto& entry : boost::filesystem::directory_iterator("/proc")) {
      std::ifstream file((entry.path() / "stat").string());
      std::string pid;
      std::string name;
      char state = 0;
      pid_t parent = 0;
      if (file >> pid >> name >> state >> parent && parent == zygote_process_) {
        const pid_t process = std::stoi(pid);
        kill(process, SIGKILL);
        poll_until([&] { return is_gone(process); });
        return;
      }
    }
  }

  template <typename Reply>
  Result<Reply> hear(const char* what, Result<Reply> reply) {
    heard_.push_back(std::string(what) + ": " +
                     (reply ? reply->SerializeAsString() : to_string(reply.error())));
    return reply;
  }

  const Setting setting_;
  std::mt19937 random_;
  std::vector<std::int64_t> actions_;
  std::vector<Session::Id> sessions_;
  std::vector<std::string> heard_;
};

class LlvmGraphPropertyTest : public ::testing::TestWithParam<std::string> {
 protected:
  static constexpr int kRequests = 150;

  static void expect_equal(const std::vector<std::string>& with,
                           const std::vector<std::string>& without) {
    ASSERT_EQ(with.size(), without.size());
    for (std::size_t i = 0; i < with.size(); ++i) {
      ASSERT_TRUE(with[i] == without[i]) << "request " << i << ": " << with[i].substr(0, 300)
                                         << "\n  without: " << without[i].substr(0, 300);
    }
  }
};

TEST_P(LlvmGraphPropertyTest, EveryAnswerIsTheSameWithTheGraphAndWithRecycledProcesses) {
  const auto seed = static_cast<unsigned>(GetParam().size());
  for (const ExecutorKind executor : {ExecutorKind::kInline, ExecutorKind::kIsolated}) {
    const bool recycle = executor == ExecutorKind::kIsolated;
    SCOPED_TRACE(recycle ? "isolated" : "inline");
    std::vector<std::string> plain;
    {
      LlvmStory story({executor, 0}, GetParam(), seed);
      plain = story.run(kRequests);
    }
    if (recycle) {
      LlvmStory story({executor, 0, true}, GetParam(), seed);
      expect_equal(story.run(kRequests), plain);
      EXPECT_GT(story.sandboxes("reused"), 1U);
    }
    for (const std::size_t bytes : {200'000'000, 100'000}) {
      SCOPED_TRACE(std::to_string(bytes) + " bytes");
      LlvmStory story({executor, bytes, recycle}, GetParam(), seed);
      expect_equal(story.run(kRequests), plain);
      EXPECT_GT(story.figures().hits, bytes > 1'000'000 ? 10U : 0U);
      EXPECT_EQ(story.figures().conflicts, 0U);
    }
    LlvmStory without_room({executor, 200'000'000, recycle, 1}, GetParam(), seed);
    expect_equal(without_room.run(kRequests), plain);
  }
}

// On the service's terms: what it has been told of a pass that does nothing, and of one that varies.
class LlvmGraphTest : public IsolatedTest {
 protected:
  static constexpr std::size_t kBytes = 100'000'000;

  LlvmGraphTest() : IsolatedTest(llvm_plugin(kBytes)) {
    EXPECT_TRUE(context().init().ok());
    context_host.state_graph().set_max_size_in_bytes(kBytes);
    serve_isolated({}, {.executor = ExecutorKind::kInline});
  }

  Session::Id started_on_crc32() {
    StartSessionRequest request;
    *request.mutable_benchmark() = *crc32_benchmark();
    const Result<StartSessionReply> reply = start(std::move(request));
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? reply->session_id() : -1;
  }
  StateGraph::Figures figures() { return context_host.state_graph().figures(); }
};

TEST_F(LlvmGraphTest, APassThatTouchesNothingLeadsBackToWhereItBegan) {
  const Session::Id first = started_on_crc32();
  const Session::Id second = started_on_crc32();
  const std::int64_t barrier = action_index("-barrier");
  EXPECT_TRUE(step(first, {barrier})->get());
  EXPECT_EQ(figures().states, 1U);
  const StepCall known = step(second, {barrier, barrier, barrier});
  EXPECT_TRUE(known->answered());
  const Result<StepReply> reply = known->get();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->action_had_no_effect());
  EXPECT_TRUE(step(first, {action_index("-mem2reg")})->get());
  EXPECT_EQ(figures().states, 2U);
}

TEST_F(LlvmGraphTest, AVaryingPassIsRunEachTime) {
  const Session::Id first = started_on_crc32();
  const Session::Id second = started_on_crc32();
  const std::int64_t scalarizer = action_index("-scalarizer");
  EXPECT_TRUE(step(first, {scalarizer})->get());
  const std::uint64_t hits = figures().hits;
  EXPECT_TRUE(step(second, {scalarizer})->get());
  EXPECT_EQ(figures().hits, hits);
  EXPECT_EQ(figures().states, 1U);
}

TEST_F(LlvmGraphTest, ParametersThatOnlyAskOrCountLeaveTheStateAsItIs) {
  const Session::Id session = started_on_crc32();
  EXPECT_TRUE(parameter(session, "llvm.get_runtimes_per_observation_count")->get());
  EXPECT_TRUE(parameter(session, "llvm.set_runtimes_per_observation_count", "2")->get());
  EXPECT_TRUE(parameter(session, "llvm.bitcode_cache.get_hits")->get());
  EXPECT_EQ(figures().states, 1U);
  EXPECT_TRUE(parameter(session, "llvm.apply_baseline_optimizations", "-Oz")->get());
  EXPECT_EQ(figures().states, 2U);
}

TEST_F(LlvmGraphTest, ParametersThatChangeTheModuleAreStepsToOtherStates) {
  const auto figures_after = [this](Session::Id session) {
    EXPECT_TRUE(parameter(session, "llvm.apply_size_attributes", "minsize")->get());
    EXPECT_TRUE(parameter(session, "llvm.apply_pipeline", "default<Oz>")->get());
    return figures();
  };
  const auto first = figures_after(started_on_crc32());
  EXPECT_EQ(first.states, 3U);
  const auto second = figures_after(started_on_crc32());
  EXPECT_EQ(second.states, 3U) << "the same states";
  EXPECT_GE(second.hits, first.hits + 2);
  const Session::Id other = started_on_crc32();
  EXPECT_TRUE(parameter(other, "llvm.apply_size_attributes", "optsize")->get());
  EXPECT_EQ(figures().states, 4U) << "another value, another state";
}

// Some of each kind: each takes a few seconds.
std::vector<std::string> some_modules() {
  std::vector<std::string> names;
  for (const std::string& name : module_names()) {
    if (name == "crc32" || name == "matrix" || name.starts_with("demo_s") ||
        name.starts_with("csmith_") || name == "stress_2" || name == "stress_4") {
      names.push_back(name);
    }
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Modules, LlvmGraphPropertyTest, ::testing::ValuesIn(some_modules()),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace compiler_gym::testing

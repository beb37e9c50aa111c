// What the state graph lets go of, and that it keeps its books.
#include <atomic>
#include <random>
#include <thread>

#include "context/state_graph.h"
#include "tests/context/state_graph_fixture.h"

namespace compiler_gym::testing {
namespace {

constexpr std::size_t kLarge = 1000;

class StateGraphBoundTest : public StateGraphFixture {
 protected:
  StateGraphBoundTest() : StateGraphFixture(10 * kLarge) {}

  static std::string large(char fill) { return std::string(kLarge, fill); }

  // One action from `from`, with a large observation.
  State grow(const State& from, const std::string& action) {
    State state = from;
    graph_.add_step(state, Actions{action}, changing({large(action[0])}));
    return state;
  }
  bool knows(const State& from, const Actions& actions, const Spaces& observations = {}) {
    State state = from;
    return find(state, actions, observations).has_value();
  }

  const StateOrigin origin_ = origin("benchmark://a");
};

TEST_F(StateGraphBoundTest, StaysWithinItsBytesByLettingGoOfWhatWasUsedLongestAgo) {
  const State start = graph_.add_start(origin_);
  for (char action = 'a'; action <= 'z'; ++action) {
    grow(start, std::string(1, action));
    EXPECT_TRUE(knows(start, {"a"}, {0})) << "it is used all the time";
    EXPECT_LE(graph_.figures().size_in_bytes, 10 * kLarge);
  }
  EXPECT_FALSE(knows(start, {"b"}));
  EXPECT_TRUE(knows(start, {"z"}, {0}));
  EXPECT_GE(graph_.figures().evictions, 15U);
}

TEST_F(StateGraphBoundTest, WhereASessionStandsAndTheWayThereRemain) {
  const State start = graph_.add_start(origin_);
  const State middle = grow(start, "m");
  const State end = grow(middle, "n");
  for (char action = 'a'; action <= 'l'; ++action) {
    grow(start, std::string(1, action));
  }
  EXPECT_TRUE(knows(start, {"m"}));
  EXPECT_TRUE(knows(middle, {"n"}));
  EXPECT_FALSE(knows(start, {"m"}, {0})) << "but what was seen there can go";
  EXPECT_LE(graph_.figures().size_in_bytes, 10 * kLarge);
  EXPECT_EQ(way(start, end), (std::vector<std::string>{"m", "n"}));
}

TEST_F(StateGraphBoundTest, AWayIsLetGoOfFromItsEnd) {
  const State start = graph_.add_start(origin_);
  {
    State end = start;
    for (const char* const action : {"x", "y", "z"}) {
      end = grow(end, action);
    }
  }
  for (char action = 'a'; graph_.figures().evictions == 0; ++action) {
    grow(start, std::string(1, action));
  }
  EXPECT_TRUE(knows(start, {"x", "y"}));
  EXPECT_FALSE(knows(start, {"x", "y", "z"}));
}

TEST_F(StateGraphBoundTest, DoesNotKeepAnObservationThatWouldPushOutManyOthers) {
  const State start = graph_.add_start(origin_);
  State state = start;
  graph_.add_step(state, Actions{"x"}, changing({std::string(2 * kLarge, 'x')}));
  EXPECT_TRUE(knows(start, {"x"}));
  EXPECT_FALSE(knows(start, {"x"}, {0}));
}

TEST_F(StateGraphBoundTest, SessionsThatNeedMoreThanThereIsAreKeptAllTheSame) {
  std::vector<State> sessions;
  State state = graph_.add_start(origin_);
  for (int i = 0; i < 100; ++i) {
    state = grow(state, "a" + std::to_string(i));
    sessions.push_back(state);
  }
  EXPECT_EQ(graph_.figures().states, 101U);
  EXPECT_EQ(graph_.path(sessions.front(), sessions.back()).size(), 99U);
  sessions.clear();
  state = State();
  EXPECT_LE(graph_.figures().size_in_bytes, 10 * kLarge);
}

TEST_F(StateGraphBoundTest, AnOriginThatNobodyUsesGoesWithItsBenchmark) {
  std::weak_ptr<const Benchmark> benchmark;
  {
    const StateOrigin large_one = origin("benchmark://large", std::string(5 * kLarge, 'p'));
    benchmark = large_one.benchmark;
    static_cast<void>(graph_.add_start(large_one));
  }
  EXPECT_FALSE(benchmark.expired());
  static_cast<void>(graph_.add_start(origin("benchmark://other", std::string(6 * kLarge, 'q'))));
  EXPECT_TRUE(benchmark.expired());
  EXPECT_EQ(graph_.figures().states, 1U);
}

// Everything has gone when there is no room for anything: the bytes are counted down to nothing.
TEST(StateGraphBooksTest, BytesAreCountedDownToZero) {
  StateGraph graph(1);
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<StateGraph::State> sessions{graph.add_start(origin("benchmark://a"))};
    for (int i = 0; i < 50; ++i) {
      StateGraph::State state = sessions[random() % sessions.size()];
      const std::vector<std::string> actions{std::to_string(random() % 9)};
      StepOutcome outcome =
          random() % 2 == 0 ? idle() : changing({std::string(random() % 99, 'o')});
      outcome.end.new_action_space = wire("space");
      if (StateGraph::State known = state; graph.find_step(known, {actions, {}}).has_value()) {
        sessions.push_back(known);
        continue;
      }
      if (random() % 5 == 0) {
        graph.add_parameter(state, "p" + actions[0], "reply");
      } else {
        graph.add_step(state, actions, outcome);
      }
      if (state) {
        sessions.push_back(state);
      }
    }
    EXPECT_GT(graph.figures().size_in_bytes, 1U);
    sessions.clear();
    EXPECT_EQ(graph.figures().size_in_bytes, 0U);
    EXPECT_EQ(graph.figures().states, 0U);
  }
}

// For ThreadSanitizer: sessions of two benchmarks that walk the same ways, with hardly any room.
TEST(StateGraphStressTest, ManyThreadsFindAndAddAndLetGo) {
  StateGraph graph(20'000);
  const std::vector<StateOrigin> origins{origin("benchmark://a"), origin("benchmark://b")};
  std::atomic<int> wrong = 0;
  const auto walk = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int episode = 0; episode < 200; ++episode) {
      const StateOrigin& from = origins[random() % origins.size()];
      StateGraph::State state = graph.find_start(from);
      state = state ? state : graph.add_start(from);
      std::string history = from.benchmark->uri();
      for (int i = 0; i < 10; ++i) {
        const std::vector<std::string> actions{std::to_string(random() % 4)};
        history += actions[0];
        const std::vector<int> wanted{0};
        StateGraph::State fork = state;
        const auto known = graph.find_step(state, {actions, wanted});
        if (known) {
          wrong += *known->observations.at(0) == history ? 0 : 1;
        } else {
          graph.add_step(state, actions, changing({history}));
        }
        if (graph.path(fork, state).size() != 1) {
          ++wrong;
        }
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back(walk, seed);
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(graph.figures().hits, 0U);
  EXPECT_GT(graph.figures().evictions, 0U);
  EXPECT_EQ(graph.figures().conflicts, 0U);
}

}  // namespace
}  // namespace compiler_gym::testing

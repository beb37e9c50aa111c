// CONTRACT.md 4, row by row: what StartSession does to a benchmark and a session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "sessions/session_rules.h"
#include "tests/sessions/call_log_session.h"
#include "tests/sessions/parse_proto.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StartRulesTest : public ::testing::Test {
 protected:
  /// All of StartSession on `session`, without ids and places.
  grpc::Status start(StartSessionRequest request, CompilationSession& session) {
    Result<std::shared_ptr<const Benchmark>> benchmark = find_benchmark(request, benchmarks_);
    if (!benchmark) {
      return benchmark.error();
    }
    const ServiceSpaces spaces = *ServiceSpaces::of(session);
    return run_start(session, spaces, request, *std::move(benchmark), reply_, {});
  }
  std::string start(const std::string& request) {
    return to_string(start(parse_proto<StartSessionRequest>(request), session_));
  }

  DefaultCompilerGymServiceContext context_{"/service"};
  BenchmarkCache benchmarks_;
  std::vector<std::string> log_;
  CallLogSession session_{context_, log_};
  StartSessionReply reply_;
};

// ----------------------------------------------------------------------------------- the benchmark

struct FindRow {
  const char* name;
  const char* request;
  const char* status;
  std::size_t cached_afterwards;  // besides benchmark://held
};

class FindBenchmarkTest : public StartRulesTest, public ::testing::WithParamInterface<FindRow> {};

TEST_P(FindBenchmarkTest, Row) {
  benchmarks_.add(make_benchmark("benchmark://held"));
  EXPECT_EQ(start(GetParam().request), GetParam().status);
  EXPECT_EQ(benchmarks_.size(), 1 + GetParam().cached_afterwards);
}

constexpr auto* kNoUri = "INVALID_ARGUMENT: No benchmark URI set for StartSession()";
constexpr auto* kNotFound = "NOT_FOUND: Benchmark not found";

INSTANTIATE_TEST_SUITE_P(
    , FindBenchmarkTest,
    ::testing::Values(
        FindRow{"NoBenchmark", "", kNoUri, 0}, FindRow{"EmptyBenchmark", "benchmark {}", kNoUri, 0},
        FindRow{"ProgramWithoutUri", "benchmark { program { contents: 'x' } }", kNoUri, 0},
        FindRow{"HeldUri", "benchmark { uri: 'benchmark://held' }", "OK", 0},
        FindRow{"UnknownUri", "benchmark { uri: 'benchmark://other' }", kNotFound, 0},
        FindRow{"PrefixOfAHeldUri", "benchmark { uri: 'benchmark://hel' }", kNotFound, 0},
        FindRow{"DynamicConfigWithoutProgram",
                "benchmark { uri: 'benchmark://other' dynamic_config {} }", kNotFound, 0},
        FindRow{"ProgramOfANewUri",
                "benchmark { uri: 'benchmark://new' program { contents: 'x' } }", "OK", 1},
        FindRow{"ProgramByFile",
                "benchmark { uri: 'benchmark://new' program { uri: 'file:////x' } }", "OK", 1},
        FindRow{"EmptyProgram", "benchmark { uri: 'benchmark://new' program {} }", "OK", 1},
        FindRow{"ProgramOfAHeldUri",
                "benchmark { uri: 'benchmark://held' program { contents: 'x' } }", "OK", 0},
        FindRow{"ProgramAndABadIndex",
                "benchmark { uri: 'benchmark://new' program {} } action_space: 9",
                "INVALID_ARGUMENT: Action space index out of range: 9", 1}),
    [](const auto& row) { return row.param.name; });

TEST_F(StartRulesTest, AProgramInTheRequestReplacesTheCachedOne) {
  benchmarks_.add(make_benchmark("benchmark://a", 100));
  EXPECT_EQ(start("benchmark { uri: 'benchmark://a' program { contents: 'new' } }"), "OK");
  EXPECT_EQ(benchmarks_.get("benchmark://a")->program().contents(), "new");
}

TEST_F(StartRulesTest, ARequestByUriIsServedFromTheCachedBenchmarkItself) {
  // Its address tells a context that it has seen it before.
  class Keeper : public CompilationSession {
   public:
    using CompilationSession::CompilationSession;
    std::vector<ActionSpace> getActionSpaces() const override { return {ActionSpace()}; }
    std::vector<ObservationSpace> getObservationSpaces() const override {
      return {ObservationSpace()};
    }
    grpc::Status init(const ActionSpace&, const Benchmark&) override {
      return grpc::Status(grpc::StatusCode::INTERNAL, "the other overload is called");
    }
    grpc::Status init(const ActionSpace&, std::shared_ptr<const Benchmark> benchmark) override {
      kept = std::move(benchmark);
      return grpc::Status::OK;
    }
    grpc::Status applyAction(const Event&, bool&, std::optional<ActionSpace>&, bool&) override {
      return grpc::Status::OK;
    }
    grpc::Status computeObservation(const ObservationSpace&, Event&) override {
      return grpc::Status::OK;
    }
    std::shared_ptr<const Benchmark> kept;
  } keeper(context_);
  const auto added = benchmarks_.add(make_benchmark("benchmark://a"));
  const grpc::Status status =
      start(parse_proto<StartSessionRequest>("benchmark { uri: 'benchmark://a' }"), keeper);
  EXPECT_TRUE(status.ok()) << to_string(status);
  EXPECT_EQ(keeper.kept, added);
}

// ------------------------------------------------------------------------- spaces and observations

struct StartRow {
  const char* name;
  const char* request;  // besides the benchmark
  const char* status;
  const char* reply;
  std::vector<std::string> calls;
};

class StartRowsTest : public StartRulesTest, public ::testing::WithParamInterface<StartRow> {};

TEST_P(StartRowsTest, Row) {
  benchmarks_.add(make_benchmark("benchmark://a"));
  EXPECT_EQ(start("benchmark { uri: 'benchmark://a' }" + std::string(GetParam().request)),
            GetParam().status);
  EXPECT_THAT(reply_, IsProto(GetParam().reply));
  EXPECT_EQ(log_, GetParam().calls);
}

INSTANTIATE_TEST_SUITE_P(
    , StartRowsTest,
    ::testing::Values(
        StartRow{"FirstActionSpaceByDefault", "", "OK", "", {"init A benchmark://a"}},
        StartRow{"ActionSpaceByIndex", "action_space: 1", "OK", "", {"init B benchmark://a"}},
        StartRow{"ActionSpaceBeyond",
                 "action_space: 2",
                 "INVALID_ARGUMENT: Action space index out of range: 2",
                 "",
                 {}},
        StartRow{"ActionSpaceNegative",
                 "action_space: -1",
                 "INVALID_ARGUMENT: Action space index out of range: -1",
                 "",
                 {}},
        StartRow{"OneObservation",
                 "observation_space: 1",
                 "OK",
                 "observation { string_value: 'y' }",
                 {"init A benchmark://a", "observe y"}},
        StartRow{"SameOrderWithDuplicates",
                 "observation_space: [1, 0, 1]",
                 "OK",
                 "observation { string_value: 'y' } observation { string_value: 'x' } "
                 "observation { string_value: 'y' }",
                 {"init A benchmark://a", "observe y", "observe x", "observe y"}},
        StartRow{"ObservationBeyond",
                 "observation_space: [0, 2]",
                 "INVALID_ARGUMENT: Observation space index out of range: 2",
                 "",
                 {}},
        StartRow{"ObservationNegative",
                 "observation_space: [-1]",
                 "INVALID_ARGUMENT: Observation space index out of range: -1",
                 "",
                 {}},
        StartRow{"ObservationFarBeyond",
                 "observation_space: [2147483647]",
                 "INVALID_ARGUMENT: Observation space index out of range: 2147483647",
                 "",
                 {}},
        StartRow{"ActionSpaceIsCheckedFirst",
                 "action_space: 7 observation_space: 8",
                 "INVALID_ARGUMENT: Action space index out of range: 7",
                 "",
                 {}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace compiler_gym::testing

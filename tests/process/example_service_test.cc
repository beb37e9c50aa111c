// CONTRACT.md 9 over the wire, with 2, 3, 4, 7 and 8: what clients expect of the example service.
#include "tests/process/process_fixture.h"
#include "tests/sessions/parse_proto.h"

namespace compiler_gym::testing {
namespace {

using ::testing::MatchesRegex;

class ExampleServiceTest : public ProcessTest {
 protected:
  void SetUp() override {
    serve(kExampleService);
    client = std::make_unique<WireClient>(connect());
  }

  std::int64_t started() {
    const Result<StartSessionReply> reply = client->start_session();
    EXPECT_TRUE(reply) << outcome(reply);
    return reply ? reply->session_id() : -1;
  }
  int remaining_after_end(std::int64_t session) {
    const Result<EndSessionReply> reply = client->end_session(session);
    EXPECT_TRUE(reply) << outcome(reply);
    return reply ? reply->remaining_sessions() : -1;
  }

  std::unique_ptr<WireClient> client;
};

// ----------------------------------------------------------------------------- versions and spaces

TEST_F(ExampleServiceTest, SaysItsVersions) {
  const Result<GetVersionReply> reply = client->get_version();
  ASSERT_TRUE(reply) << outcome(reply);
  EXPECT_EQ(reply->compiler_version(), "1.0.0");
  EXPECT_THAT(reply->service_version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST_F(ExampleServiceTest, OffersTheSpacesOfTheContract) {
  constexpr auto* kSpaces = R"pb(
    action_space_list {
      name: "default"
      space { named_discrete { name: "a" name: "b" name: "c" } }
    }
    observation_space_list {
      name: "ir"
      space { string_value { length_range { min: 0 } } }
      deterministic: true
      platform_dependent: false
    }
    observation_space_list {
      name: "features"
      space {
        int64_box {
          low {
            shape: 3
            value: [ -100, -100, -100 ]
          }
          high {
            shape: 3
            value: [ 100, 100, 100 ]
          }
        }
      }
      deterministic: true
    }
    observation_space_list {
      name: "runtime"
      space { double_value { min: 0 } }
      deterministic: false
      platform_dependent: true
    }
  )pb";
  const Result<GetSpacesReply> first = client->get_spaces();
  ASSERT_TRUE(first) << outcome(first);
  EXPECT_THAT(*first, IsProto(kSpaces));
  started();
  const Result<GetSpacesReply> later = client->get_spaces();
  ASSERT_TRUE(later) << outcome(later);
  EXPECT_THAT(*later, IsProto(kSpaces)) << "the same for the life of the service";
}

// -------------------------------------------------------------------------------------- benchmarks

TEST_F(ExampleServiceTest, ABenchmarkIsAddedOnceAndThenStartedByUri) {
  const auto by_uri =
      parse_proto<StartSessionRequest>("benchmark { uri: 'benchmark://example-compiler-v0/foo' }");
  EXPECT_EQ(outcome(client->start_session(by_uri)), "NOT_FOUND: Benchmark not found");
  EXPECT_EQ(outcome(client->add_benchmark(parse_proto<AddBenchmarkRequest>(R"pb(
              benchmark {
                uri: "benchmark://example-compiler-v0/foo"
                program { contents: "Ir data" }
              }
              benchmark {
                uri: "benchmark://example-compiler-v0/bar"
                program { contents: "Ir data" }
              }
            )pb"))),
            "OK");
  const Result<StartSessionReply> reply = client->start_session(by_uri);
  ASSERT_TRUE(reply) << outcome(reply);
  EXPECT_EQ(reply->session_id(), 0) << "the failure used no id up";
  EXPECT_EQ(outcome(client->start_session(parse_proto<StartSessionRequest>(
                "benchmark { uri: 'benchmark://example-compiler-v0/bar' }"))),
            "OK");
}

TEST_F(ExampleServiceTest, AnEmptyListOfBenchmarksIsFine) {
  EXPECT_EQ(outcome(client->add_benchmark({})), "OK");
}

struct StartRow {
  const char* name;
  const char* request;
  const char* outcome;
};

class ExampleStartTest : public ExampleServiceTest,
                         public ::testing::WithParamInterface<StartRow> {};

TEST_P(ExampleStartTest, Row) {
  EXPECT_EQ(outcome(client->start_session(parse_proto<StartSessionRequest>(GetParam().request))),
            GetParam().outcome);
  EXPECT_EQ(remaining_after_end(15), 0) << "no session was left behind";
}

#define BENCHMARK "benchmark { uri: 'b' program { contents: 'x' } } "

INSTANTIATE_TEST_SUITE_P(
    , ExampleStartTest,
    ::testing::Values(
        StartRow{"NoBenchmark", "", "INVALID_ARGUMENT: No benchmark URI set for StartSession()"},
        StartRow{"EmptyUri", "benchmark { program { contents: 'x' } }",
                 "INVALID_ARGUMENT: No benchmark URI set for StartSession()"},
        StartRow{"UnknownUri", "benchmark { uri: 'b' }", "NOT_FOUND: Benchmark not found"},
        StartRow{"ActionSpaceBeyond", BENCHMARK "action_space: 1",
                 "INVALID_ARGUMENT: Action space index out of range: 1"},
        StartRow{"ActionSpaceNegative", BENCHMARK "action_space: -1",
                 "INVALID_ARGUMENT: Action space index out of range: -1"},
        StartRow{"ObservationSpaceBeyond", BENCHMARK "observation_space: [0, 3]",
                 "INVALID_ARGUMENT: Observation space index out of range: 3"},
        StartRow{"ObservationSpaceNegative", BENCHMARK "observation_space: -1",
                 "INVALID_ARGUMENT: Observation space index out of range: -1"}),
    [](const auto& row) { return row.param.name; });

// ---------------------------------------------------------------------------------- start and step

constexpr auto* kIr = "observation { string_value: 'Hello, world!' }";
constexpr auto* kFeatures = "observation { int64_tensor { shape: 3 value: [0, 0, 0] } }";
constexpr auto* kRuntime = "observation { double_value: 0 }";

TEST_F(ExampleServiceTest, StartsWithTheObservationsAskedFor) {
  const Result<StartSessionReply> reply = client->start_session(
      parse_proto<StartSessionRequest>(BENCHMARK "observation_space: [2, 0, 1, 0]"));
  ASSERT_TRUE(reply) << outcome(reply);
  EXPECT_THAT(*reply, IsProto(std::string(kRuntime) + kIr + kFeatures + kIr));
  EXPECT_EQ(reply->observation(0).value_case(), Event::kDoubleValue) << "set, though 0";
}

TEST_F(ExampleServiceTest, StepsAnswerEveryActionAndObservation) {
  const std::int64_t session = started();
  for (std::int64_t action = 0; action <= 2; ++action) {
    const Result<StepReply> reply = client->step(session, {action}, {1, 0, 2});
    ASSERT_TRUE(reply) << outcome(reply);
    EXPECT_THAT(*reply, IsProto(std::string(kFeatures) + kIr + kRuntime));
  }
  const Result<StepReply> many = client->step(session, {0, 1, 2, 1, 0});
  ASSERT_TRUE(many) << outcome(many);
  EXPECT_THAT(*many, IsProto(""));
  const Result<StepReply> look = client->step(session, {}, {0});
  ASSERT_TRUE(look) << outcome(look);
  EXPECT_THAT(*look, IsProto(std::string("action_had_no_effect: true ") + kIr));
}

class ExampleBadStepTest : public ExampleServiceTest,
                           public ::testing::WithParamInterface<StartRow> {};

TEST_P(ExampleBadStepTest, Row) {
  started();
  EXPECT_EQ(outcome(client->step(parse_proto<StepRequest>(GetParam().request))),
            GetParam().outcome);
  EXPECT_EQ(outcome(client->step(0, {0}, {0})), "OK") << "the session lives on";
}

INSTANTIATE_TEST_SUITE_P(
    , ExampleBadStepTest,
    ::testing::Values(
        StartRow{"ActionBeyond", "action { int64_value: 3 }", "INVALID_ARGUMENT: Out-of-range"},
        StartRow{"ActionNegative", "action { int64_value: -1 }", "INVALID_ARGUMENT: Out-of-range"},
        StartRow{"ActionFarBeyond", "action { int64_value: 9223372036854775807 }",
                 "INVALID_ARGUMENT: Out-of-range"},
        StartRow{"ActionUnset", "action {}", "INVALID_ARGUMENT: Out-of-range"},
        StartRow{"ActionOfAnotherType", "action { string_value: 'a' }",
                 "INVALID_ARGUMENT: Out-of-range"},
        StartRow{"SecondActionOfAnotherType",
                 "action { int64_value: 1 } action { boolean_value: true }",
                 "INVALID_ARGUMENT: Out-of-range"},
        StartRow{"ObservationBeyond", "observation_space: 3",
                 "INVALID_ARGUMENT: Observation space index out of range: 3"},
        StartRow{"ObservationNegative", "action { int64_value: 1 } observation_space: -1",
                 "INVALID_ARGUMENT: Observation space index out of range: -1"},
        StartRow{"UnknownSession", "session_id: 15", "NOT_FOUND: Session not found: 15"},
        StartRow{"NegativeSession", "session_id: -1", "NOT_FOUND: Session not found: -1"}),
    [](const auto& row) { return row.param.name; });

// ---------------------------------------------------------------------------------------- sessions

TEST_F(ExampleServiceTest, AnUnknownSessionIsNotFoundExceptForItsEnd) {
  constexpr auto* kNotFound = "NOT_FOUND: Session not found: 15";
  EXPECT_EQ(outcome(client->step(15, {0})), kNotFound);
  EXPECT_EQ(outcome(client->fork_session(15)), kNotFound);
  EXPECT_EQ(outcome(client->send_session_parameter(15, "key")), kNotFound);
  EXPECT_EQ(remaining_after_end(15), 0);
}

TEST_F(ExampleServiceTest, CountsIdsUpAndSessionsDown) {
  EXPECT_EQ(started(), 0);
  EXPECT_EQ(started(), 1);
  const Result<ForkSessionReply> fork = client->fork_session(0);
  ASSERT_TRUE(fork) << outcome(fork);
  EXPECT_EQ(fork->session_id(), 2);
  EXPECT_EQ(remaining_after_end(0), 2);
  EXPECT_EQ(outcome(client->step(2, {1}, {0})), "OK") << "the fork is independent";
  EXPECT_EQ(remaining_after_end(2), 1);
  EXPECT_EQ(remaining_after_end(2), 1) << "a second time";
  EXPECT_EQ(started(), 3) << "ids are never reused";
  EXPECT_EQ(remaining_after_end(1), 1);
  EXPECT_EQ(remaining_after_end(3), 0);
}

TEST_F(ExampleServiceTest, ManyClientsShareTheService) {
  const std::int64_t session = started();
  {
    WireClient other = connect();
    const Result<StartSessionReply> of_other = other.start_session();
    ASSERT_TRUE(of_other) << outcome(of_other);
    EXPECT_EQ(of_other->session_id(), 1);
    EXPECT_EQ(outcome(other.step(session, {0})), "OK");
  }
  EXPECT_EQ(remaining_after_end(session), 1) << "the other's session outlived its connection";
}

// -------------------------------------------------------------------------------------- parameters

TEST_F(ExampleServiceTest, AnswersTheServicesOwnParameters) {
  started();
  const Result<SendSessionParameterReply> reply =
      client->send_session_parameter(parse_proto<SendSessionParameterRequest>(R"pb(
        parameter { key: "service.benchmark_cache.get_max_size_in_bytes" }
        parameter { key: "service.benchmark_cache.set_max_size_in_bytes" value: "256" }
        parameter { key: "service.benchmark_cache.get_max_size_in_bytes" }
        parameter { key: "service.benchmark_cache.get_size_in_bytes" }
      )pb"));
  ASSERT_TRUE(reply) << outcome(reply);
  // 18 bytes of URI and 7 of program, with 2 bytes of tag and length for each of them and for the program's message.
  EXPECT_THAT(*reply, IsProto("reply: ['268435456', '256', '256', '31']"));
  EXPECT_EQ(outcome(client->send_session_parameter(0, "unknown")),
            "INVALID_ARGUMENT: Unknown parameter: unknown");
  EXPECT_EQ(outcome(client->send_session_parameter({})), "OK") << "an empty list";
}

}  // namespace
}  // namespace compiler_gym::testing

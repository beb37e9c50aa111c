// CONTRACT.md 7, row by row: what SendSessionParameter answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/sessions/parse_proto.h"
#include "tests/sessions/service_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

#define SET_MAX "service.benchmark_cache.set_max_size_in_bytes"
#define GET_MAX "service.benchmark_cache.get_max_size_in_bytes"
#define GET_SIZE "service.benchmark_cache.get_size_in_bytes"

/// The session knows one key, `echo`, and answers with the value.
class ParameterRulesTest : public ServiceFixture {
 protected:
  ParameterRulesTest() {
    script.on_parameter = [](const auto& key, const auto& value, auto& reply) {
      if (key == "echo") {
        reply = value;
      }
      return grpc::Status::OK;
    };
    serve();
    session_ = started();
    context_host.benchmarks().set_max_size_in_bytes(0);  // only what the tests add
    context_host.benchmarks().set_max_size_in_bytes(BenchmarkCache::kDefaultMaxSizeInBytes);
  }

  std::string send(SendSessionParameterRequest request) {
    request.set_session_id(session_);
    reply_.Clear();
    return to_string(get_within_watchdog(service->async_send_session_parameter(
        request, reply_, std::stop_source(), boost::asio::use_future)));
  }
  /// `request`: parameters as protobuf text.
  std::string send(const std::string& request) {
    return send(parse_proto<SendSessionParameterRequest>(request));
  }
  /// One parameter.
  std::string send(const std::string& key, const std::string& value) {
    SendSessionParameterRequest request;
    request.add_parameter()->set_key(key);
    request.mutable_parameter(0)->set_value(value);
    return send(std::move(request));
  }
  std::vector<std::string> replies() const {
    return {reply_.reply().begin(), reply_.reply().end()};
  }

  Session::Id session_ = -1;
  SendSessionParameterReply reply_;
};

struct ParameterRow {
  const char* name;
  const char* request;
  std::vector<std::string> replies;
};

class ParameterRowsTest : public ParameterRulesTest,
                          public ::testing::WithParamInterface<ParameterRow> {};

TEST_P(ParameterRowsTest, Row) {
  EXPECT_EQ(send(GetParam().request), "OK");
  EXPECT_EQ(replies(), GetParam().replies);
}

INSTANTIATE_TEST_SUITE_P(
    , ParameterRowsTest,
    ::testing::Values(
        ParameterRow{"EmptyList", "", {}},
        ParameterRow{"OfTheSession", "parameter { key: 'echo' value: 'x' }", {"x"}},
        ParameterRow{"WithAnEmptyReply", "parameter { key: 'echo' }", {""}},
        ParameterRow{"InTheOrderSent",
                     "parameter { key: 'echo' value: '1' } parameter { key: '" GET_MAX "' }"
                     "parameter { key: 'echo' value: '2' }",
                     {"1", "268435456", "2"}},
        ParameterRow{"CacheMaximum", "parameter { key: '" GET_MAX "' }", {"268435456"}},
        ParameterRow{"CacheSize", "parameter { key: '" GET_SIZE "' }", {"0"}},
        ParameterRow{
            "GettersIgnoreTheValue", "parameter { key: '" GET_SIZE "' value: 'x' }", {"0"}},
        ParameterRow{"SetTheMaximum",
                     "parameter { key: '" SET_MAX "' value: '1024' } parameter { key: '" GET_MAX
                     "' }",
                     {"1024", "1024"}},
        ParameterRow{"TheReplyIsTheValueAsGiven",
                     "parameter { key: '" SET_MAX "' value: '0064' } parameter { key: '" GET_MAX
                     "' }",
                     {"0064", "64"}},
        ParameterRow{"SetToZero", "parameter { key: '" SET_MAX "' value: '0' }", {"0"}},
        ParameterRow{"SetToTheOperatorsBound",
                     "parameter { key: '" SET_MAX "' value: '1024' } parameter { key: '" SET_MAX
                     "' value: '268435456' } parameter { key: '" GET_MAX "' }",
                     {"1024", "268435456", "268435456"}}),
    [](const auto& row) { return row.param.name; });

TEST_F(ParameterRulesTest, AnUnknownKeyFailsButWhatCameBeforeItHasTakenEffect) {
  EXPECT_EQ(send("parameter { key: '" SET_MAX "' value: '1024' }"
                 "parameter { key: 'who knows' value: 'x' }"
                 "parameter { key: '" SET_MAX "' value: '2048' }"),
            "INVALID_ARGUMENT: Unknown parameter: who knows");
  EXPECT_EQ(context_host.benchmarks().max_size_in_bytes(), 1024U);
}

TEST_F(ParameterRulesTest, AKeyThatOnlyStartsLikeAKnownOneIsUnknown) {
  for (const std::string key : {SET_MAX "x", "service.", "", "Echo"}) {
    EXPECT_EQ(send(key, "1"), "INVALID_ARGUMENT: Unknown parameter: " + key);
  }
}

TEST_F(ParameterRulesTest, TheCacheSizeIsThatOfTheSerialisedBenchmarks) {
  const auto benchmark = context_host.benchmarks().add(make_benchmark("benchmark://a", 1000));
  send(GET_SIZE, "");
  EXPECT_THAT(replies(), ElementsAre(std::to_string(benchmark->SerializeAsString().size())));
}

TEST_F(ParameterRulesTest, ASmallerMaximumEvictsAtOnce) {
  context_host.benchmarks().add(make_benchmark("benchmark://a", 1000));
  EXPECT_EQ(send(SET_MAX, "500"), "OK");
  EXPECT_EQ(context_host.benchmarks().size_in_bytes(), 0U);
}

TEST_F(ParameterRulesTest, AMaximumBeyondTheOperatorsIsRefusedAndChangesNothing) {
  EXPECT_EQ(send(SET_MAX, "1024"), "OK");
  for (const std::string more : {"268435457", "18446744073709551615"}) {
    EXPECT_EQ(send(SET_MAX, more),
              "INVALID_ARGUMENT: " SET_MAX
              ": the service keeps 268435456 bytes of benchmarks at most, received: '" +
                  more + "'");
  }
  EXPECT_EQ(context_host.benchmarks().max_size_in_bytes(), 1024U);
}

class BadNumberTest : public ParameterRulesTest,
                      public ::testing::WithParamInterface<const char*> {};

TEST_P(BadNumberTest, IsRefusedWithTheKeyTheValueAndWhatIsWanted) {
  EXPECT_EQ(send(SET_MAX, GetParam()), "INVALID_ARGUMENT: " SET_MAX
                                       ": expected a number of bytes, 0 or more, received: '" +
                                           std::string(GetParam()) + "'");
  EXPECT_EQ(context_host.benchmarks().max_size_in_bytes(), BenchmarkCache::kDefaultMaxSizeInBytes);
}

INSTANTIATE_TEST_SUITE_P(, BadNumberTest,
                         ::testing::Values("", " ", "x", "12x", " 12", "12 ", "-1", "+1", "1e3",
                                           "0x10", "1.5", "18446744073709551616"));

// ------------------------------------------------------------------------- the session comes first

TEST_F(ParameterRulesTest, TheSessionMayAnswerForTheService) {
  script.on_parameter = [](const auto&, const auto&, auto& reply) {
    reply = "mine";
    return grpc::Status::OK;
  };
  EXPECT_EQ(send(SET_MAX, "12"), "OK");
  EXPECT_THAT(replies(), ElementsAre("mine"));
  EXPECT_EQ(context_host.benchmarks().max_size_in_bytes(), BenchmarkCache::kDefaultMaxSizeInBytes);
}

TEST_F(ParameterRulesTest, ASessionsRefusalIsFinal) {
  script.on_parameter = [](const auto&, const auto&, auto&) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "must be >= 1. Received: -5");
  };
  EXPECT_EQ(send(SET_MAX, "12"), "INVALID_ARGUMENT: must be >= 1. Received: -5");
  EXPECT_EQ(context_host.benchmarks().max_size_in_bytes(), BenchmarkCache::kDefaultMaxSizeInBytes);
}

TEST_F(ParameterRulesTest, AnExceptionBecomesInternal) {
  script.on_parameter = [](const auto&, const auto&, auto&) -> grpc::Status {
    throw std::invalid_argument("stoi");
  };
  EXPECT_EQ(send("key", "x"), "INTERNAL: Unhandled exception: stoi");
  script.on_parameter = nullptr;
  EXPECT_EQ(send(GET_SIZE, ""), "OK");
}

}  // namespace
}  // namespace compiler_gym::testing

#include "tools/load/load_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/filesystem/operations.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "client/service_client.h"
#include "tests/support/fake_clock.h"
#include "tests/tools/load_generator_fixture.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::AnyOf;
using testing::CountingService;
using ::testing::Each;
using testing::FakeClock;
using ::testing::HasSubstr;
using testing::LoadGeneratorTest;

TEST_F(LoadGeneratorTest, DoesAsManyOperationsAsAskedFor) {
  const LoadResult result = run_ok();
  EXPECT_EQ(result.operations, 200);
  EXPECT_EQ(result[Rpc::kStep].latency.count(), 200);
  EXPECT_EQ(result[Rpc::kStep].error_count(), 0);
  EXPECT_EQ(result.service_version, "1.2.3");
  EXPECT_GT(result.elapsed, 0ns);
  EXPECT_GT(result[Rpc::kStep].latency.min(), 0ns);
}

TEST_F(LoadGeneratorTest, EndsEverySession) {
  set_mix("step=4,start=2,fork=2,end=2");
  run_ok();
  EXPECT_EQ(server_.service().session_count(), 0);
  EXPECT_EQ(server_.service().calls("EndSession"),
            server_.service().calls("StartSession") + server_.service().calls("ForkSession"));
}

TEST_F(LoadGeneratorTest, CountsTheCallsOfEachOperationUnderTheirRpc) {
  set_mix("start=1,fork=1,end=1,version=1");
  const LoadResult result = run_ok();
  const std::uint64_t starts = result[Rpc::kStartSession].latency.count();
  const std::uint64_t forks = result[Rpc::kForkSession].latency.count();
  EXPECT_GT(starts, 0);
  EXPECT_GT(forks, 0);
  // Start and end are one StartSession and one EndSession each, a fork a ForkSession and an EndSession.
  EXPECT_EQ(result[Rpc::kEndSession].latency.count(), starts + forks);
  EXPECT_EQ(starts + forks + result[Rpc::kGetVersion].latency.count(), result.operations);
  EXPECT_EQ(result[Rpc::kStep].call_count(), 0);
}

TEST_F(LoadGeneratorTest, LeavesWarmUpAndPreparationOutOfTheResult) {
  options_.warmup = 20ms;
  const LoadResult result = run_ok();
  EXPECT_EQ(result[Rpc::kStep].latency.count(), 200);
  EXPECT_EQ(result[Rpc::kStartSession].call_count(), 0);
  EXPECT_GT(server_.service().calls("Step"), 200);
}

TEST_F(LoadGeneratorTest, EndsAfterTheDuration) {
  options_.operations.reset();
  options_.duration = 50ms;
  const LoadResult result = run_ok();
  EXPECT_GE(result.elapsed, 50ms);
  EXPECT_GT(result.operations, 0);
  EXPECT_EQ(result.operations, result[Rpc::kStep].latency.count());
}

TEST_F(LoadGeneratorTest, UsesAsManyConnectionsAsAskedFor) {
  options_.connections = 3;
  run_ok();
  EXPECT_EQ(server_.service().peers().size(), 3);
}

TEST_F(LoadGeneratorTest, WorksOverAUnixSocket) {
  options_.target = server_.unix_target();
  EXPECT_EQ(run_ok()[Rpc::kStep].latency.count(), 200);
}

class OwnsFakeClock {
 protected:
  FakeClock clock_;
};

/// On a clock that the test moves.
class OpenLoopTest : protected OwnsFakeClock, public LoadGeneratorTest {};

TEST_F(OpenLoopTest, LatencyCountsFromTheArrivalNotFromTheSending) {
  // arrange: one client, whose first operation takes a minute, in which all others arrive; the rest
  // takes no time, so that a generator that started its watch on sending would see none
  constexpr auto kFirstTakes = 60s;
  options_.sessions = 1;
  options_.rate = 1000;
  std::atomic<bool> began{false};
  server_.service().on_step([&] {
    if (!began.exchange(true)) {
      clock_.advance(kFirstTakes);
    }
  });
  const std::jthread until_the_first_arrives([&](const std::stop_token& end) {
    while (!began && !end.stop_requested()) {
      clock_.advance(1ms);
      std::this_thread::yield();
    }
  });

  // act
  const LoadResult result = run_ok();

  // observe: 200 arrivals at 1000/s are some tenths of a second apart
  const LatencyHistogram& latency = result[Rpc::kStep].latency;
  EXPECT_EQ(latency.count(), 200);
  EXPECT_GT(latency.min(), kFirstTakes - 1s);
  EXPECT_LT(latency.min(), latency.max());
}

TEST_F(LoadGeneratorTest, OpenLoopWaitsForTheArrivals) {
  options_.rate = 2000;
  options_.operations = 100;
  const LoadResult result = run_ok();
  EXPECT_EQ(result[Rpc::kStep].latency.count(), 100);
  EXPECT_GT(result.elapsed, 25ms);  // 100 arrivals at 2000/s take 50 ms on average
}

TEST_F(LoadGeneratorTest, SendsActionsAndObservationsAndPrograms) {
  const auto path = boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
  std::ofstream(path.string()) << "a program";
  options_.benchmark_files = {path};
  options_.actions_per_step = 3;
  options_.observation_spaces = {"count", "uri"};
  const LoadResult result = run_ok();
  boost::filesystem::remove(path);
  EXPECT_EQ(result[Rpc::kStep].error_count(), 0) << result[Rpc::kStep].first_error;
  EXPECT_EQ(server_.service().calls("AddBenchmark"), 1);
  EXPECT_EQ(server_.service().actions_applied(), 600);
}

TEST_F(LoadGeneratorTest, CountsErrorsByCodeAndReplacesTheSessionsThatAreLost) {
  server_.service().lose_session_every(50);
  const LoadResult result = run_ok();
  const RpcResult& step = result[Rpc::kStep];
  EXPECT_EQ(step.errors.at(grpc::StatusCode::NOT_FOUND), 4);
  EXPECT_EQ(step.latency.count(), 196);
  EXPECT_THAT(step.first_error, HasSubstr("NOT_FOUND: Session not found: "));
  EXPECT_GE(result[Rpc::kStartSession].latency.count(), 3);
}

TEST_F(LoadGeneratorTest, RefusesAnObservationTheServiceDoesNotHave) {
  options_.observation_spaces = {"runtime"};
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_EQ(
      to_string(result.error()),
      "NOT_FOUND: the service has no observation space 'runtime'; it has count, uri, Bitcode");
}

TEST_F(LoadGeneratorTest, RefusesAnActionSpaceTheServiceDoesNotHave) {
  options_.action_space = "PassesAll";
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error()),
            "NOT_FOUND: the service has no action space 'PassesAll'; it has counting");
}

TEST_F(LoadGeneratorTest, ReportsAFileThatCannotBeRead) {
  for (const std::string path : {"/no/such/file.bc", "/"}) {
    options_.benchmark_files = {path};
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error()), "NOT_FOUND: cannot read '" + path + "'");
  }
}

TEST_F(LoadGeneratorTest, ReportsAServiceThatDoesNotKnowTheBenchmarkAndLeavesNoSession) {
  options_.benchmark_uris = {"benchmark://unknown/one"};
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error()), "NOT_FOUND: StartSession: Benchmark not found");
  EXPECT_EQ(server_.service().session_count(), 0);
}

TEST_F(LoadGeneratorTest, ReportsAServiceThatIsNotThere) {
  options_.target = server_.unix_target() + ".nobody";
  options_.timeout = 100ms;
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_THAT(to_string(result.error()), HasSubstr("cannot use the service at 'unix:"));
}

TEST_F(LoadGeneratorTest, CanBeInterrupted) {
  options_.operations.reset();
  options_.duration = 24h;
  LoadGenerator generator(loop_.pump(), options_);
  generator.on_progress([&](const LoadProgress& progress) {
    if (progress.operations > 0) {
      generator.interrupt();
    }
  });
  const auto result = loop_.run(generator.async_run());
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_TRUE(result->interrupted);
  EXPECT_EQ(server_.service().session_count(), 0);
}

TEST_F(LoadGeneratorTest, TheJsonResultHasWhatAProgramNeeds) {
  set_mix("step=3,fork=1");
  server_.service().lose_session_every(50);
  options_.server_pid = getpid();
  const LoadResult result = run_ok();

  const boost::json::value json = boost::json::parse(to_json(options_, result));
  EXPECT_EQ(json.at("operations").as_int64(), 200);
  EXPECT_GT(json.at("operations_per_second").as_double(), 0);
  EXPECT_EQ(json.at("load").at("loop").as_string(), "closed");
  EXPECT_EQ(json.at("load").at("sessions").as_int64(), 4);
  EXPECT_EQ(json.at("load").at("mix").as_string(), "step=3,fork=1");
  EXPECT_EQ(json.at("load").at("cold").as_bool(), false);
  const boost::json::value& step = json.at("rpcs").at("Step");
  EXPECT_EQ(step.at("ok").to_number<std::uint64_t>(), result[Rpc::kStep].latency.count());
  EXPECT_GT(step.at("ok_per_second").as_double(), 0);
  EXPECT_EQ(step.at("errors").at("NOT_FOUND").to_number<std::uint64_t>(),
            result[Rpc::kStep].error_count());
  double before = 0;
  for (const char* quantile : {"min", "p50", "p90", "p99", "p99.9", "max"}) {
    const double latency = step.at("latency_us").at(quantile).as_double();
    EXPECT_GE(latency, before) << quantile;
    before = latency;
  }
  EXPECT_TRUE(json.at("rpcs").as_object().contains("ForkSession"));
  EXPECT_FALSE(json.at("rpcs").as_object().contains("GetVersion"));
  EXPECT_EQ(json.at("server").at("pid").as_int64(), getpid());
  EXPECT_GT(json.at("server").at("peak_rss_bytes").to_number<std::uint64_t>(), 0);
  EXPECT_GE(json.at("server").at("cpu_seconds").as_double(), 0);
}

class ValidatingLoadTest : public LoadGeneratorTest {
 protected:
  ValidatingLoadTest() : file_(fs::temp_directory_path() / fs::unique_path()) {
    std::ofstream(file_.string()) << "a program";
    options_.benchmark_files = {file_};
    options_.dynamic_config.mutable_build_cmd()->add_argument("build");
    options_.operations = 20;
    server_.service().set_bitcode("what became of it");
  }
  ~ValidatingLoadTest() override { fs::remove(file_); }

  /// The first session's program is validated, those after it are not.
  LoadResult run_validating() {
    LoadGenerator generator(loop_.pump(), options_);
    generator.validate_with([this](const Benchmark& benchmark, std::string bitcode) {
      return verdict(benchmark, std::move(bitcode));
    });
    Result<LoadResult> result = loop_.run(generator.async_run());
    EXPECT_TRUE(result) << to_string(result.error());
    return result ? *std::move(result) : LoadResult();
  }

  boost::asio::awaitable<Validation> verdict(const Benchmark& benchmark, std::string bitcode) {
    EXPECT_EQ(benchmark.program().contents(), "a program");
    EXPECT_EQ(benchmark.dynamic_config().build_cmd().argument(0), "build");
    EXPECT_EQ(bitcode, "what became of it");
    EXPECT_GT(server_.service().session_count(), 0) << "it has not been ended yet";
    co_return ++validated_ == 1 ? Validation{Verdict::kValidated, ""}
                                : Validation{Verdict::kWrongOutput, "it prints\nnonsense"};
  }

  const std::string uri() const {
    return "benchmark://compiler_gym-load/" + file_.filename().string();
  }

  const fs::path file_;
  int validated_ = 0;
};

TEST_F(ValidatingLoadTest, EverySessionIsValidatedOnceBeforeItEnds) {
  set_mix("step=2,start=1,fork=1,end=1");
  const LoadResult result = run_validating();
  const int sessions =
      server_.service().calls("StartSession") + server_.service().calls("ForkSession");
  EXPECT_EQ(validated_, sessions);
  EXPECT_EQ(result.validations.at(uri()).count(), static_cast<std::uint64_t>(sessions));
  EXPECT_EQ(result.validations.at(uri()).validated(), 1U);
  EXPECT_EQ(server_.service().session_count(), 0);
}

TEST_F(ValidatingLoadTest, TheCallForTheBitcodeIsNotMeasured) {
  const LoadResult result = run_validating();
  EXPECT_EQ(result[Rpc::kStep].call_count(), 20U);
  EXPECT_EQ(server_.service().calls("Step"), 20 + options_.sessions);
}

TEST_F(ValidatingLoadTest, TheFirstFailureHasItsActions) {
  options_.sessions = 2;
  options_.actions_per_step = 3;
  const LoadResult result = run_validating();
  EXPECT_FALSE(result.all_validated());
  const ValidationResult& validation = result.validations.at(uri());
  EXPECT_EQ(validation.first_failure.verdict, Verdict::kWrongOutput);
  // Of 60 actions two sessions share; each has some.
  EXPECT_GT(validation.actions_to_failure.size(), 0U);
  EXPECT_LT(validation.actions_to_failure.size(), 60U);
  EXPECT_THAT(validation.actions_to_failure, Each(AnyOf("a", "b", "c")));

  const boost::json::value json = boost::json::parse(to_json(options_, result));
  EXPECT_FALSE(json.at("validation").at("all_validated").as_bool());
  const boost::json::value& benchmark = json.at("validation").at("benchmarks").at(uri());
  EXPECT_EQ(benchmark.at("sessions").to_number<int>(), 2);
  EXPECT_EQ(benchmark.at("verdicts").at("validated").to_number<int>(), 1);
  EXPECT_EQ(benchmark.at("verdicts").at("wrong_output").to_number<int>(), 1);
  EXPECT_EQ(benchmark.at("first_failure").at("reason").as_string(), "it prints\nnonsense");
  EXPECT_EQ(benchmark.at("first_failure").at("actions").as_array().size(),
            validation.actions_to_failure.size());
  const std::string text = to_text(options_, result);
  EXPECT_THAT(text, HasSubstr("    validated 1 wrong_output 1\n"));
  EXPECT_THAT(text, HasSubstr("      it prints\n"));
}

TEST_F(ValidatingLoadTest, ColdSessionsAreComparedWithTheProgramTheyAreCopiesOf) {
  options_.cold = true;
  const LoadResult result = run_validating();
  EXPECT_EQ(result.validations.at(uri()).count(), static_cast<std::uint64_t>(options_.sessions));
}

TEST_F(ValidatingLoadTest, SessionsOnBenchmarksOfTheServiceAreNotValidated) {
  Benchmark known;
  known.set_uri("benchmark://known/one");
  AddBenchmarkRequest request;
  *request.add_benchmark() = known;
  ServiceClient client(loop_.pump(), server_.tcp_target());
  ASSERT_TRUE(loop_.run(client.add_benchmark(request)));
  options_.benchmark_uris = {known.uri()};
  const LoadResult result = run_validating();
  EXPECT_EQ(result.validations.size(), 1U);
  EXPECT_EQ(validated_, 2) << "every other session's";
}

TEST_F(ValidatingLoadTest, ASessionWhoseBitcodeCannotBeHadIsNotValidated) {
  server_.service().lose_session_before_bitcode();
  const LoadResult result = run_validating();
  const ValidationResult& validation = result.validations.at(uri());
  EXPECT_EQ(validation.counts[static_cast<std::size_t>(Verdict::kNotChecked)], 1U);
  EXPECT_THAT(validation.first_failure.reason, HasSubstr("Session not found: "));
}

TEST_F(LoadGeneratorTest, WithNothingValidatedNotAllIsValidated) {
  EXPECT_FALSE(run_ok().all_validated());
}

TEST_F(LoadGeneratorTest, TheTextFitsAHundredColumnsAndShowsErrors) {
  server_.service().lose_session_every(50);
  const std::string text = to_text(options_, run_ok());
  EXPECT_THAT(text, HasSubstr("Step"));
  EXPECT_THAT(text, HasSubstr("Step NOT_FOUND: 4"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100) << line;
  }
}

}  // namespace
}  // namespace compiler_gym

// Benchmarks that say how they are built and run, from the session's start to `Runtime`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stop_token>
#include <string>

#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/costs/object_size.h"
#include "sessions/llvm/run/bitcode_file.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BuildAndRunTest : public LlvmFixture {
 protected:
  static const std::string& program() { return start_bitcode("sorting"); }

  static std::shared_ptr<Benchmark> buildable() {
    auto benchmark =
        std::make_shared<Benchmark>(*make_benchmark("benchmark://user-v0/sorting", program()));
    Command& build = *benchmark->mutable_dynamic_config()->mutable_build_cmd();
    for (const char* argument : {"$CC", "$IN", "-o", "program", "-lm"}) {
      build.add_argument(argument);
    }
    build.add_outfile("program");
    build.set_timeout_seconds(60);
    return benchmark;
  }

  static std::shared_ptr<Benchmark> runnable(const std::string& command_line) {
    std::shared_ptr<Benchmark> benchmark = buildable();
    Command& run = *benchmark->mutable_dynamic_config()->mutable_run_cmd();
    run.add_argument(command_line);
    run.set_timeout_seconds(60);
    return benchmark;
  }

  // Directories that sessions or builds have made and not removed.
  std::ptrdiff_t scratch_directories() const {
    const boost::filesystem::path parent = context_.scratchDirectory();
    return boost::filesystem::exists(parent)
               ? std::distance(boost::filesystem::directory_iterator(parent), {})
               : 0;
  }
};

TEST_F(BuildAndRunTest, SizesAreOfWhatTheBuildCommandMakes) {
  const auto session = start(buildable());
  EXPECT_TRUE(observe(*session, "IsBuildable").boolean_value());
  EXPECT_FALSE(observe(*session, "IsRunnable").boolean_value());

  // -c of this build command is what is generated without one.
  const std::int64_t object = value_of(object_text_size(program(), context_.target_machines()));
  EXPECT_EQ(number(*session, "ObjectTextSizeBytes"), object);
  EXPECT_EQ(number(*session, "ObjectTextSizeO0"), object);
  EXPECT_THAT(number(*session, "TextSizeBytes"), Gt(object)) << "an executable has more to it";
  EXPECT_EQ(number(*session, "TextSizeBytes"), number(*session, "TextSizeO0"));
  EXPECT_NE(number(*session, "TextSizeO0"), number(*session, "TextSizeOz"));
  EXPECT_EQ(scratch_directories(), 0);
}

TEST_F(BuildAndRunTest, AFileOutsideIsMadeWhenTheSessionStarts) {
  const std::string outside = (directory_ / "made_by_start").string();
  std::shared_ptr<Benchmark> benchmark = buildable();
  Command& build = *benchmark->mutable_dynamic_config()->mutable_build_cmd();
  build.set_argument(3, outside);
  build.set_outfile(0, outside);
  const auto session = start(benchmark);
  EXPECT_TRUE(boost::filesystem::exists(outside));
}

// An observation is computed once for a state of the module, and a baseline once for a benchmark:
// each line of `builds` is one build.
TEST_F(BuildAndRunTest, SizesAreMeasuredOncePerStateAndBaselinesOncePerBenchmark) {
  const std::string builds = (directory_ / "builds").string();
  std::shared_ptr<Benchmark> benchmark = buildable();
  Command& build = *benchmark->mutable_dynamic_config()->mutable_build_cmd();
  build.set_argument(0, "echo >>" + builds + "; $CC");
  const auto session = start(benchmark);
  const auto another = start(benchmark);
  const auto builds_of = [&](LlvmSession& observed, const char* name) {
    const auto before = read_file(builds).size();
    static_cast<void>(number(observed, name));
    return read_file(builds).size() - before;
  };
  EXPECT_EQ(builds_of(*session, "TextSizeOz"), 1U);
  EXPECT_EQ(builds_of(*another, "TextSizeOz"), 0U);
  EXPECT_EQ(builds_of(*session, "TextSizeBytes"), 0U) << "unchanged: that of O0 is known";
  EXPECT_TRUE(apply(*session, "-mem2reg"));
  EXPECT_EQ(builds_of(*session, "TextSizeBytes"), 1U) << "the module is another one";
  EXPECT_FALSE(apply(*session, "-mem2reg"));
  EXPECT_EQ(builds_of(*session, "TextSizeBytes"), 0U) << "the module is the same";
  EXPECT_EQ(builds_of(*session, "TextSizeOz"), 0U);
}

TEST_F(BuildAndRunTest, ABuildCommandThatFailsKeepsTheSessionFromStarting) {
  std::shared_ptr<Benchmark> benchmark = buildable();
  Command& build = *benchmark->mutable_dynamic_config()->mutable_build_cmd();
  build.clear_argument();
  build.clear_outfile();
  for (const char* argument : {"$CC", "$IN", "-invalid-cc-argument"}) {
    build.add_argument(argument);
  }
  const grpc::Status status = start_error(benchmark);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to compute .text size cost"));
  EXPECT_THAT(status.error_message(),
              HasSubstr("clang: error: unknown argument: '-invalid-cc-argument'"));
  EXPECT_EQ(scratch_directories(), 0);
}

// What the machine lacks is not the client's to mend, and may be there the next time.
TEST_F(BuildAndRunTest, AnUnusableScratchDirectoryIsTheMachinesFault) {
  const CostModel model(context_.target_machines(), context_.target_machines(), context_.clang(),
                        [] { return boost::filesystem::path("/dev/null/below"); });
  for (const Cost cost : {Cost::kObjectTextSize, Cost::kTextSize}) {
    const auto size =
        model.size(cost, program(), {buildable()->dynamic_config(), {}}, std::stop_token());
    ASSERT_FALSE(size.has_value());
    EXPECT_EQ(size.error().error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(size.error().error_message(), StartsWith("Failed to make a scratch directory in "));
  }
}

TEST_F(BuildAndRunTest, DirectoriesThatACleanerRemovesAreMadeAgain) {
  const auto session = start(runnable("./program"));
  const auto runs = [&] { return observe(*session, "Runtime").double_tensor().value_size(); };
  EXPECT_EQ(runs(), 1);
  boost::filesystem::remove_all(directory_);
  EXPECT_EQ(runs(), 1) << "and what was built there is built again";
  boost::filesystem::remove_all(directory_);
  EXPECT_TRUE(boost::filesystem::exists(observe(*session, "BitcodeFile").string_value()));
  EXPECT_TRUE(apply(*session, "-mem2reg"));
  boost::filesystem::remove_all(directory_);
  EXPECT_GT(number(*session, "TextSizeBytes"), 0);
}

TEST_F(BuildAndRunTest, AFullDiskIsTheMachinesFault) {
  // A device that is always full; a link, as what could not be written is removed.
  const boost::filesystem::path file = directory_ / "full.bc";
  boost::filesystem::create_symlink("/dev/full", file);
  const grpc::Status status = write_bitcode_file(file, program());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const int error : {ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM, EROFS}) {
    const boost::system::error_code why(error, boost::system::system_category());
    EXPECT_EQ(disk_error("writing", why).error_code(), error == EROFS
                                                           ? grpc::StatusCode::UNAVAILABLE
                                                           : grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
}

TEST_F(BuildAndRunTest, ABuildHasToHaveOneOutputFile) {
  std::shared_ptr<Benchmark> benchmark = buildable();
  benchmark->mutable_dynamic_config()->mutable_build_cmd()->add_outfile("another");
  const grpc::Status status = start_error(benchmark);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              StartsWith("Failed to compute .text size cost: Expected a single output from build "
                         "job, actual: 2. Command: $CC $IN -o program -lm"));
}

TEST_F(BuildAndRunTest, ABuildThatTakesTooLongKeepsTheSessionFromStarting) {
  std::shared_ptr<Benchmark> benchmark = buildable();
  Command& build = *benchmark->mutable_dynamic_config()->mutable_build_cmd();
  build.set_argument(0, "sleep 600; $CC");
  build.set_timeout_seconds(1);
  const grpc::Status status = start_error(benchmark);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("failed to complete within 1 seconds"));
}

TEST_F(BuildAndRunTest, RuntimeAndBuildtimeHaveAsManyNumbersAsAskedFor) {
  const auto session = start(runnable("./program"));
  EXPECT_TRUE(observe(*session, "IsRunnable").boolean_value());
  parameter(*session, "llvm.set_runtimes_per_observation_count", "3");
  parameter(*session, "llvm.set_buildtimes_per_observation_count", "2");
  const Event runtime = observe(*session, "Runtime");
  EXPECT_THAT(runtime.double_tensor().shape(), ElementsAre(3));
  EXPECT_THAT(runtime.double_tensor().value(), ::testing::SizeIs(3));
  EXPECT_THAT(runtime.double_tensor().value(), Each(Gt(0.0)));
  const Event buildtime = observe(*session, "Buildtime");
  EXPECT_THAT(buildtime.double_tensor().shape(), ElementsAre(2));
  EXPECT_THAT(buildtime.double_tensor().value(), Each(Gt(0.0)));
}

TEST_F(BuildAndRunTest, ASessionThatHasRunItsProgramDoesNotSayThatItLeavesNothingBehind) {
  const auto session = start(runnable("./program"));
  apply(*session, "-mem2reg");
  observe(*session, "IrSha1");
  EXPECT_TRUE(session->leavesNothingBehind());
  observe(*session, "Runtime");
  EXPECT_FALSE(session->leavesNothingBehind());
}

TEST_F(BuildAndRunTest, WarmupsRunAndAreNotReported) {
  const auto session = start(runnable("./program && echo >>runs"));
  parameter(*session, "llvm.set_runtimes_per_observation_count", "2");
  parameter(*session, "llvm.set_warmup_runs_count_per_runtime_observation", "3");
  EXPECT_THAT(observe(*session, "Runtime").double_tensor().value(), ::testing::SizeIs(2));
  const boost::filesystem::path directory =
      boost::filesystem::directory_iterator(context_.scratchDirectory())->path();
  EXPECT_EQ(read_file((directory / "runs").string()), "\n\n\n\n\n");
}

TEST_F(BuildAndRunTest, RunsWhatTheModuleIsNow) {
  const auto session =
      start(runnable("./program && echo >>runs && cp program copy_$(wc -l <runs)"));
  static_cast<void>(observe(*session, "Runtime"));
  static_cast<void>(observe(*session, "Runtime"));
  EXPECT_TRUE(apply(*session, "-mem2reg"));
  static_cast<void>(observe(*session, "Runtime"));
  const boost::filesystem::path directory =
      boost::filesystem::directory_iterator(context_.scratchDirectory())->path();
  const std::string first = read_file((directory / "copy_1").string());
  EXPECT_EQ(read_file((directory / "copy_2").string()), first);
  EXPECT_NE(read_file((directory / "copy_3").string()), first);
}

TEST_F(BuildAndRunTest, CommandsBeforeAndAfterRunOnce) {
  std::shared_ptr<Benchmark> benchmark = runnable("./program >output && grep -q before log");
  BenchmarkDynamicConfig& config = *benchmark->mutable_dynamic_config();
  config.add_pre_run_cmd()->add_argument("echo before >>log");
  config.add_post_run_cmd()->add_argument("echo after >>log");
  config.mutable_post_run_cmd(0)->add_infile("output");
  const auto session = start(benchmark);
  parameter(*session, "llvm.set_runtimes_per_observation_count", "2");
  EXPECT_EQ(observe(*session, "Runtime").double_tensor().value_size(), 2);
  const boost::filesystem::path directory =
      boost::filesystem::directory_iterator(context_.scratchDirectory())->path();
  EXPECT_EQ(read_file((directory / "log").string()), "before\nafter\n");
}

TEST_F(BuildAndRunTest, AProgramThatFailsIsNotTheClientsMistake) {
  const auto session = start(runnable("./program && echo boom >&2 && exit 9"));
  Event event;
  const grpc::Status status = try_observe(*session, "Runtime", event);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("failed with exit code 9: boom"));
  EXPECT_TRUE(apply(*session, "-mem2reg")) << "the session lives on";
}

TEST_F(BuildAndRunTest, AStopEndsARun) {
  const auto session = start(runnable("sleep 600"));
  std::stop_source stop;
  stop.request_stop();
  session->setStopToken(stop.get_token());
  Event event;
  EXPECT_EQ(try_observe(*session, "Runtime", event).error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(BuildAndRunTest, TheSessionsDirectoryGoesWithIt) {
  auto session = start(runnable("./program"));
  static_cast<void>(observe(*session, "Runtime"));
  EXPECT_EQ(scratch_directories(), 1);
  session.reset();
  EXPECT_EQ(scratch_directories(), 0);
}

// Programs do the same after any sequence of these actions as before: what they print is compared.
TEST_F(BuildAndRunTest, ActionsOfNewPmKeepWhatProgramsDo) {
  const std::span<const LlvmAction> actions = new_pm_actions();
  std::uniform_int_distribution<std::int64_t> any(0, std::ssize(actions) - 1);
  for (const char* name : {"sorting", "matrix", "parsing", "shapes"}) {
    const std::shared_ptr<Benchmark> benchmark = runnable("./program >output");
    benchmark->mutable_program()->set_contents(start_bitcode(name));
    benchmark->mutable_dynamic_config()->mutable_build_cmd()->add_argument("-lstdc++");
    std::mt19937 random(7);
    std::string expected;
    for (int round = 0; round < 4; ++round) {
      const auto session = start(benchmark, "NewPM");
      std::string sequence;
      for (int i = 0; i < 12 * round; ++i) {  // none in the first round
        const std::int64_t action = any(random);
        bool had_effect = false;
        ASSERT_TRUE(try_apply(*session, action_event(action), had_effect).ok());
        sequence += std::string(actions[action].flag) + " ";
      }
      static_cast<void>(observe(*session, "Runtime"));
      const boost::filesystem::path directory =
          boost::filesystem::directory_iterator(context_.scratchDirectory())->path();
      const std::string output = read_file((directory / "output").string());
      expected = round == 0 ? output : expected;
      EXPECT_EQ(output, expected) << name << " after " << sequence;
    }
  }
}

}  // namespace
}  // namespace compiler_gym

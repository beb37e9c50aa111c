// Loads that validate what becomes of their programs: against a service that miscompiles, and by
// the load generator's process against LLVM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <string>

#include "client/client_loop.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"
#include "tests/support/in_process_server.h"
#include "tests/tools/command_output.h"
#include "tools/load/load_generator.h"
#include "tools/validate/validator_pool.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
namespace fs = boost::filesystem;

std::string returning(int status) {
  return assemble("target triple = \"x86_64-pc-linux-gnu\"\ndefine i32 @main() { ret i32 " +
                  std::to_string(status) + " }");
}

TEST(ValidatedLoadTest, FindsWhatTheServiceHasMiscompiled) {
  const fs::path file = fs::temp_directory_path() / fs::unique_path("%%%%-%%%%.bc");
  std::ofstream(file.string(), std::ios::binary) << returning(0);
  LoadOptions options;
  options.sessions = 4;
  options.duration.reset();
  options.operations = 6;
  options.warmup = std::chrono::seconds(0);
  options.benchmark_files = {file};
  options.dynamic_config.mutable_build_cmd()->add_argument("$CC $IN -o program");
  options.dynamic_config.mutable_run_cmd()->add_argument("./program");
  const auto pool = value_of(ValidatorPool::create(2));
  for (const int status : {0, 1}) {
    testing::InProcessServer server;
    server.service().set_bitcode(returning(status));
    options.target = server.tcp_target();
    ClientLoop loop;
    LoadGenerator generator(loop.pump(), options);
    generator.validate_with([&pool](const Benchmark& benchmark, std::string bitcode) {
      return pool->async_validate(benchmark, std::move(bitcode));
    });
    const LoadResult result = value_of(loop.run(generator.async_run()));
    ASSERT_EQ(result.validations.size(), 1U);
    const ValidationResult& validation = result.validations.begin()->second;
    EXPECT_EQ(validation.count(), 4U);
    EXPECT_EQ(validation.validated(), status == 0 ? 4U : 0U);
    EXPECT_EQ(result.all_validated(), status == 0);
    EXPECT_EQ(validation.first_failure.reason, status == 0 ? "" : "exit status is 1 instead of 0");
  }
  fs::remove(file);
}

testing::CommandOutput run_load(const std::string& flags) {
  const std::string bin = COMPILER_GYM_BIN_DIR;
  return testing::run_command(bin + "/compiler_gym-load --serve " + bin +
                              "/compiler_gym-llvm-service --warmup_seconds 0 " + flags);
}

const std::string kPrograms = std::string(COMPILER_GYM_BIN_DIR) + "/../programs/";

TEST(ValidatedLoadTest, SessionsOfEveryOperationAreValidated) {
  const testing::CommandOutput output =
      run_load("--benchmark " + kPrograms + "sort.bc --benchmark " + kPrograms +
               "regex.bc --action_space NewPM --actions_per_step 8 --sessions 4 --operations 12 "
               "--mix step=2,start=1,fork=1,end=1 --validate --json -");
  ASSERT_EQ(output.exit_status, 0) << output.text;
  const boost::json::value json = boost::json::parse(output.text);
  EXPECT_TRUE(json.at("validation").at("all_validated").as_bool());
  std::int64_t sessions = 0;
  for (const auto& [uri, validation] : json.at("validation").at("benchmarks").as_object()) {
    EXPECT_EQ(validation.at("verdicts").at("validated"), validation.at("sessions")) << uri;
    sessions += validation.at("sessions").as_int64();
  }
  std::int64_t begun = 4;  // before the load
  for (const char* rpc : {"StartSession", "ForkSession"}) {
    if (const boost::json::value* calls = json.at("rpcs").as_object().if_contains(rpc)) {
      begun += calls->at("ok").as_int64();
    }
  }
  EXPECT_EQ(sessions, begun);
}

TEST(ValidatedLoadTest, WhatIsNotValidatedMakesForAnExitStatusAndIsToldWhy) {
  const testing::CommandOutput output = run_load(
      "--benchmark " + kPrograms +
      "sort.bc --sessions 2 --operations 4 --validate --run_command 'echo $$ && ./program'");
  EXPECT_EQ(output.exit_status, 3) << output.text;
  EXPECT_THAT(output.text, HasSubstr("    nondeterministic 2\n"));
  EXPECT_THAT(output.text, HasSubstr("      before optimisation, stdout differs in line 1: "));
}

}  // namespace
}  // namespace compiler_gym

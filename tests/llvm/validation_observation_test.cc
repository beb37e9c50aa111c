// Is what a session has made of its benchmark still correct?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;

class ValidationObservationTest : public LlvmFixture {
 protected:
  ValidationObservationTest() : LlvmFixture({.all_observations = true}) {}

  static std::string validation(LlvmSession& session) {
    Opaque opaque;
    EXPECT_TRUE(observe(session, "Validation").any_value().UnpackTo(&opaque));
    EXPECT_EQ(opaque.format(), "json://");
    return opaque.data();
  }

  static grpc::Status validation_error(LlvmSession& session) {
    Event event;
    return try_observe(session, "Validation", event);
  }
};

TEST_F(ValidationObservationTest, OfAProgramThatDoesAsBeforeSaysSo) {
  const auto session = start(runnable_benchmark("./a.out"));
  const std::string validated = R"({"reason":"","verdict":"validated"})";
  EXPECT_EQ(validation(*session), validated);
  static_cast<void>(parameter(*session, "llvm.apply_baseline_optimizations", "-Oz"));
  EXPECT_EQ(validation(*session), validated);
  EXPECT_EQ(validation(*fork(*session)), validated);
}

TEST_F(ValidationObservationTest, OnceAskedForTheSessionMayHaveLeftSomethingBehind) {
  const auto session = start(runnable_benchmark("./a.out"));
  EXPECT_TRUE(session->leavesNothingBehind());
  static_cast<void>(validation(*session));
  EXPECT_FALSE(session->leavesNothingBehind());
}

// The run command tells the optimised program from the one before by its size.
TEST_F(ValidationObservationTest, OfAProgramThatDoesSomethingElseSaysWhat) {
  const std::string is_optimised =
      "[ $(stat -c %s out.bc) -ne " + std::to_string(start_bitcode("demo_sort").size()) + " ]";
  const auto verdict_of = [&](const std::string& instead) {
    const auto session = start(
        runnable_benchmark("if " + is_optimised + "; then " + instead + "; else echo right; fi"));
    EXPECT_THAT(validation(*session), HasSubstr("validated"));
    static_cast<void>(parameter(*session, "llvm.apply_baseline_optimizations", "-Oz"));
    return validation(*session);
  };
  EXPECT_THAT(verdict_of("echo wrong"), HasSubstr(R"("verdict":"wrong_output")"));
  EXPECT_THAT(verdict_of("kill -SEGV $$"), HasSubstr(R"("verdict":"crashed")"));
  EXPECT_THAT(verdict_of("printf '\\377'"), HasSubstr(R"("verdict":"wrong_output")")) << "no UTF-8";
}

TEST_F(ValidationObservationTest, OfAProgramThatNeverDoesTheSameSaysSo) {
  EXPECT_THAT(validation(*start(runnable_benchmark("cat /proc/sys/kernel/random/uuid"))),
              HasSubstr(R"("verdict":"nondeterministic")"));
}

TEST_F(ValidationObservationTest, OfABenchmarkThatCannotBeRunIsAnErrorThatNamesIt) {
  const auto session = start(crc32_benchmark());
  const grpc::Status status = validation_error(*session);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "Benchmark \"benchmark://cbench-v1/crc32\" can't be validated: it has no commands to "
            "build and to run it");
  const auto crashing = start(runnable_benchmark("kill -SEGV $$"));
  EXPECT_THAT(validation_error(*crashing).error_message(),
              HasSubstr("can't be validated: before optimisation: "));
  EXPECT_GT(number(*crashing, "IrInstructionCount"), 0) << "the session goes on";
}

TEST_F(ValidationObservationTest, IsWithTheSanitizerThatIsSetForThisSessionAndItsForks) {
  const auto session = start(runnable_benchmark("./a.out"));
  const std::string validated = R"({"reason":"","verdict":"validated"})";
  EXPECT_EQ(parameter(*session, "llvm.get_validation_sanitizer"), "none");
  EXPECT_EQ(validation(*session), validated);
  EXPECT_EQ(parameter(*session, "llvm.set_validation_sanitizer", "address"), "address");
  EXPECT_EQ(validation(*session), validated);
  const auto forked = fork(*session);
  EXPECT_EQ(parameter(*forked, "llvm.get_validation_sanitizer"), "address");
  EXPECT_EQ(parameter(*session, "llvm.set_validation_sanitizer", "none"), "none");
  EXPECT_EQ(parameter(*forked, "llvm.get_validation_sanitizer"), "address");
  EXPECT_FALSE(session->leavesNothingBehind()) << "a validator that is gone has run";
}

TEST_F(ValidationObservationTest, IsBuiltWithTheSanitizer) {
  const auto session =
      start(runnable_benchmark("if nm a.out | grep -q __asan_init; then kill -SEGV $$; fi"));
  EXPECT_THAT(validation(*session), HasSubstr("validated"));
  static_cast<void>(parameter(*session, "llvm.set_validation_sanitizer", "address"));
  EXPECT_THAT(validation_error(*session).error_message(), HasSubstr("was killed by signal 11"));
}

TEST_F(ValidationObservationTest, TakesNoSanitizerThatCannotBePutIntoBitcode) {
  const auto session = start(runnable_benchmark("./a.out"));
  std::optional<std::string> reply;
  const grpc::Status status =
      session->handleSessionParameter("llvm.set_validation_sanitizer", "undefined", reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "llvm.set_validation_sanitizer must be none, address, memory or thread. Received: "
            "\"undefined\"");
  EXPECT_EQ(parameter(*session, "llvm.get_validation_sanitizer"), "none");
}

TEST_F(ValidationObservationTest, IsCancelledWithTheStep) {
  const auto session = start(runnable_benchmark("./a.out"));
  std::stop_source stop;
  stop.request_stop();
  session->setStopToken(stop.get_token());
  EXPECT_EQ(validation_error(*session).error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace compiler_gym

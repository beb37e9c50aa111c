// Valid programs on which LLVM crashes, inline: the service lives, and says whose fault it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Folded by a pass, it becomes one constant as deep as it has instructions (LLVM issue 55209): what
// walks constants recursively runs out of stack.
std::string constant_tower(int height) {
  std::string ir = "target triple = \"x86_64-pc-linux-gnu\"\n";
  for (int i = 0; i < 8; ++i) {
    ir += "@v" + std::to_string(i) + " = internal global i64 " + std::to_string(i) + "\n";
  }
  ir += "define i64 @mix() {\n";
  std::string previous = "ptrtoint (ptr @v0 to i64)";
  for (int i = 0; i < height; ++i) {
    const std::string name = "%x" + std::to_string(i);
    ir += "  " + name + " = " + (i % 2 == 0 ? "add" : "xor") + " i64 " + previous +
          ", ptrtoint (ptr @v" + std::to_string((i * 5 + 1) % 8) + " to i64)\n";
    previous = name;
  }
  return assemble(ir + "  ret i64 " + previous + "\n}\n");
}

// A store for which the code generator has no bounds (LLVM issue 53164).
std::string large_zero_store() {
  return assemble(R"(
    target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
    target triple = "x86_64-pc-linux-gnu"
    define void @clear(ptr %out) {
      %buf = alloca [100000 x i32], align 16
      store [100000 x i32] zeroinitializer, ptr %buf, align 4
      %v = load i32, ptr %buf, align 4
      store i32 %v, ptr %out, align 4
      ret void
    }
  )");
}

class HostileProgramsTest : public LlvmFixture {
 protected:
  static grpc::Status observation_error(LlvmSession& session, const std::string& name) {
    Event event;
    return try_observe(session, name, event);
  }
};

TEST_F(HostileProgramsTest, ACrashOfCodeGenerationIsTheBenchmarksAndIsRemembered) {
  const auto benchmark = make_benchmark("benchmark://clear", large_zero_store());
  const auto session = start(benchmark);
  const grpc::Status status = observation_error(*session, "ObjectTextSizeBytes");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              StartsWith("Failed to compute .text size cost: the code generator crashed: "));
  EXPECT_THAT(status.error_message(), HasSubstr("\"benchmark://clear\""));

  const CrashLosses after_one = crash_losses();
  EXPECT_EQ(to_string(observation_error(*session, "ObjectTextSizeBytes")), to_string(status));
  EXPECT_EQ(to_string(observation_error(*session, "ObjectTextSizeO0")), to_string(status));
  EXPECT_EQ(to_string(observation_error(*start(benchmark), "ObjectTextSizeBytes")),
            to_string(status));
  EXPECT_EQ(crash_losses().crashes, after_one.crashes) << "each would leak";

  // The session is none the worse for it.
  EXPECT_GT(observe(*session, "ObjectTextSizeOz").int64_value(), 0);
  EXPECT_EQ(parameter(*session, "llvm.apply_baseline_optimizations", "-Oz"), "1");
  EXPECT_GT(observe(*session, "ObjectTextSizeBytes").int64_value(), 0);
}

TEST_F(HostileProgramsTest, ACrashOfAChangedModulesCodeGenerationIsRememberedForThisModule) {
  const auto session = start(make_benchmark("benchmark://clear", large_zero_store()));
  EXPECT_TRUE(apply(*session, "-functionattrs"));
  const grpc::Status status = observation_error(*session, "ObjectTextSizeBytes");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const CrashLosses after_one = crash_losses();
  EXPECT_EQ(to_string(observation_error(*session, "ObjectTextSizeBytes")), to_string(status));
  EXPECT_EQ(crash_losses().crashes, after_one.crashes);
}

TEST_F(HostileProgramsTest, ACrashOfABaselineIsTheBenchmarksAndIsRemembered) {
  const std::string tower = constant_tower(60'000);
  const auto benchmark = make_benchmark("benchmark://tower", tower);
  const auto session = start(benchmark);
  const CrashLosses before = crash_losses();
  const grpc::Status status = observation_error(*session, "IrInstructionCountOz");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("baseline Oz"));
  EXPECT_THAT(status.error_message(), HasSubstr("\"benchmark://tower\""));
  EXPECT_THAT(status.error_message(), HasSubstr("signal 11"));

  const CrashLosses after_one = crash_losses();
  EXPECT_GE(after_one.leaked_bytes, before.leaked_bytes + 20 * tower.size())
      << "the module, although it was there before";
  EXPECT_EQ(to_string(observation_error(*start(benchmark), "IrInstructionCountOz")),
            to_string(status));
  EXPECT_EQ(crash_losses().crashes, after_one.crashes);
  EXPECT_EQ(observe(*session, "IrInstructionCount").int64_value(), 60'001);
}

TEST_F(HostileProgramsTest, ACrashOfAnObservationIsThatSessionsAlone) {
  const auto benchmark = make_benchmark("benchmark://tower", constant_tower(60'000));
  {
    const auto session = start(benchmark);
    EXPECT_TRUE(apply(*session, "-instsimplify"));
    const grpc::Status status = observation_error(*session, "Ir");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
    EXPECT_THAT(status.error_message(),
                StartsWith("LLVM crashed while computing an observation: signal 11"));
  }
  {
    // Generated from a copy: the session's own module is not touched, and goes on.
    const auto session = start(benchmark);
    EXPECT_TRUE(apply(*session, "-instsimplify"));
    const grpc::Status status = observation_error(*session, "ObjectTextSizeBytes");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), StartsWith("Failed to compute .text size cost: "));
    EXPECT_GT(observe(*session, "IrInstructionCount").int64_value(), 0);
  }
  EXPECT_EQ(observe(*start(crc32_benchmark()), "IrInstructionCount").int64_value(), 242);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need the address space
// Lets this process have so much more memory than it has.
void limit_memory(std::size_t more) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + more;
  setrlimit(RLIMIT_AS, &limit);
}

TEST_F(HostileProgramsTest, WantOfMemoryIsNotTheBenchmarksAndIsNotRemembered) {
  // Its object file holds all of these bytes.
  const auto session = start(make_benchmark(
      "benchmark://large",
      assemble("@large = global [1073741824 x i8] zeroinitializer, section \".data\"")));
  const pid_t child = ::fork();
  if (child == 0) {
    limit_memory(std::size_t{128} << 20);
    const CrashLosses before = crash_losses();
    for (int i = 0; i < 2; ++i) {
      const grpc::Status status = observation_error(*session, "ObjectTextSizeBytes");
      if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) {
        std::fprintf(stderr, "%s\n", to_string(status).c_str());
        _exit(1);
      }
    }
    _exit(crash_losses().crashes == before.crashes + 2 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

TEST_F(HostileProgramsTest, AProcessThatHasLostTooMuchStartsNothingNew) {
  const auto session = start(crc32_benchmark());
  count_leaked_bytes(2 * kMaxLeakedBytes);
  const grpc::Status status = start_error(crc32_benchmark());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(observation_error(*session, "ObjectTextSizeO3").error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(apply(*session, "-mem2reg")) << "what is open goes on";
  // For the tests that come after this one in the same process.
  count_leaked_bytes(std::uint64_t{0} - 2 * kMaxLeakedBytes);
  EXPECT_GT(observe(*session, "ObjectTextSizeO3").int64_value(), 0) << "not remembered";
}

}  // namespace
}  // namespace compiler_gym

#include "sessions/llvm/ir/llvm_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <new>
#include <stop_token>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LlvmCallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }
};

TEST_F(LlvmCallTest, WhatComesBackIsOk) {
  int ran = 0;
  const LlvmCall call = call_llvm("counting", std::stop_token(), [&] { ++ran; });
  EXPECT_TRUE(call.returned());
  EXPECT_TRUE(call.status().ok());
  EXPECT_EQ(ran, 1);
}

TEST_F(LlvmCallTest, ACrashIsNamedByWhatWasBeingDone) {
  const LlvmCall call = call_llvm("counting", std::stop_token(), [] { std::raise(SIGSEGV); });
  EXPECT_TRUE(call.crashed());
  EXPECT_EQ(call.status().error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(call.status().error_message(), StartsWith("LLVM crashed while counting: signal 11"));
}

TEST_F(LlvmCallTest, WantOfMemoryIsTheMachinesFault) {
  const CrashLosses before = crash_losses();
  const LlvmCall call = call_llvm("counting", std::stop_token(), [] { throw std::bad_alloc(); });
  EXPECT_TRUE(call.crashed());
  EXPECT_TRUE(call.out_of_memory);
  EXPECT_EQ(call.status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(call.status().error_message(), StartsWith("LLVM ran out of memory while counting: "));
  EXPECT_EQ(crash_losses().crashes, before.crashes + 1) << "it leaks like any other";
}

TEST_F(LlvmCallTest, IsNotStartedAfterAStopRequest) {
  std::stop_source stop;
  stop.request_stop();
  bool ran = false;
  const LlvmCall call = call_llvm("counting", stop.get_token(), [&] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_FALSE(call.returned());
  EXPECT_FALSE(call.crashed());
  EXPECT_EQ(call.status().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(LlvmCallTest, WhatACrashLeaksIsCounted) {
  constexpr std::size_t kSize = 32 << 20;
  const CrashLosses before = crash_losses();
  std::vector<char>* leaked = nullptr;
  const LlvmCall call = call_llvm("growing", std::stop_token(), [&] {
    leaked = new std::vector<char>(kSize, 'x');
    std::raise(SIGSEGV);
  });
  EXPECT_TRUE(call.crashed());
  const CrashLosses after = crash_losses();
  EXPECT_EQ(after.crashes, before.crashes + 1);
  // A part of it may have been in memory already, from other tests.
  EXPECT_GE(after.leaked_bytes - before.leaked_bytes, kSize / 2);
  delete leaked;
  // What comes back is not counted, whatever it has allocated.
  EXPECT_TRUE(call_llvm("growing", std::stop_token(), [] {
                std::vector<char> memory(kSize, 'x');
              }).returned());
  EXPECT_EQ(crash_losses().leaked_bytes, after.leaked_bytes);
}

TEST_F(LlvmCallTest, BeyondTheLimitNewWorkIsRefused) {
  count_leaked_bytes(2048);
  const std::uint64_t leaked = crash_losses().leaked_bytes;
  EXPECT_TRUE(refuse_after_losses(leaked).ok());
  const grpc::Status status = refuse_after_losses(leaked - 1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("LLVM has crashed"));
}

}  // namespace
}  // namespace compiler_gym

// What a session of the LLVM service can be started on, and how the rest is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <fstream>
#include <memory>
#include <string>

#include "sessions/llvm/llvm_session.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::StartsWith;

class LlvmSessionStartTest : public LlvmFixture {};

TEST_F(LlvmSessionStartTest, StartsFromAFile) {
  auto benchmark = std::make_shared<Benchmark>();
  benchmark->set_uri("benchmark://file");
  benchmark->mutable_program()->set_uri("file:///" + crc32_path());
  EXPECT_EQ(number(*start(benchmark), "IrInstructionCount"), 242);
}

// How a program is given, and what keeps it from being used. Clients look for these texts.
TEST_F(LlvmSessionStartTest, ProgramsThatCannotBeUsedAreRefusedInTheWordsClientsKnow) {
  const std::string empty = (directory_ / "empty.bc").string();
  const std::ofstream file(empty);
  const std::string missing = (directory_ / "missing.bc").string();
  const struct {
    std::string uri;
    grpc::StatusCode code;
    std::string message;
  } rows[] = {
      {"https://example.com/program.bc", grpc::StatusCode::INVALID_ARGUMENT,
       "Invalid benchmark data URI. Only the file:/// scheme is supported: "
       "\"https://example.com/program.bc\""},
      {"file:///" + missing, grpc::StatusCode::NOT_FOUND, "File not found: \"" + missing + "\""},
      {"file:///" + empty, grpc::StatusCode::INVALID_ARGUMENT, "File is empty: \"" + empty + "\""},
      {"file:///" + directory_.string(), grpc::StatusCode::INVALID_ARGUMENT,
       "Error reading file: \"" + directory_.string() + "\": not a regular file"},
  };
  for (const auto& row : rows) {
    auto benchmark = std::make_shared<Benchmark>();
    benchmark->set_uri("benchmark://new");
    benchmark->mutable_program()->set_uri(row.uri);
    const grpc::Status status = start_error(benchmark);
    EXPECT_EQ(status.error_code(), row.code) << row.uri;
    EXPECT_EQ(status.error_message(), row.message);
  }
  auto nothing = std::make_shared<Benchmark>();
  nothing->set_uri("benchmark://new");
  EXPECT_EQ(start_error(nothing).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(start_error(nothing).error_message(), StartsWith("No program set in Benchmark:"));
}

TEST_F(LlvmSessionStartTest, AModuleThatBreaksTheRulesIsDataLossFromTheStart) {
  IrModule module = parse_module(crc32_bitcode());
  module->getFunction("main")->addFnAttr(llvm::Attribute::ZExt);
  const grpc::Status status =
      start_error(make_benchmark("benchmark://new", write_bitcode(*module)));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to verify module: "));
}

TEST_F(LlvmSessionStartTest, UnparsableBitcodeIsRefusedByItsUri) {
  for (const char* bytes : {"", "Invalid bitcode"}) {
    const grpc::Status status = start_error(make_benchmark("benchmark://new", bytes));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(),
                StartsWith("Failed to parse LLVM bitcode: \"benchmark://new\": "));
  }
}

TEST_F(LlvmSessionStartTest, UnknownActionSpaceIsRefused) {
  EXPECT_EQ(start_error(crc32_benchmark(), "PassesSome").error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace compiler_gym

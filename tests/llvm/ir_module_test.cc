#include "sessions/llvm/ir/ir_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <string>
#include <utility>

#include "sessions/llvm/ir/pipeline.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(IrModuleTest, RefusesWhatIsNotBitcode) {
  EXPECT_EQ(IrModule::parse("not bitcode").error().error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(IrModuleTest, WritesTheBitcodeItWasParsedFrom) {
  const IrModule module = parse_module(crc32_start_bitcode());
  const std::string written = write_bitcode(*module);
  EXPECT_EQ(ir_text(*parse_module(written)), ir_text(*module));
}

TEST(IrModuleTest, TextIsAssembly) {
  const std::string text = ir_text(*parse_module(crc32_start_bitcode()));
  EXPECT_THAT(text, StartsWith("; ModuleID = '-'\n"));
  EXPECT_THAT(text, HasSubstr("define dso_local i32 @main("));
}

TEST(IrModuleTest, Sha1IsFortyHexadecimalDigitsAndSeesAChange) {
  const IrModule module = parse_module(crc32_start_bitcode());
  const std::string before = ir_sha1(*module);
  EXPECT_THAT(before, MatchesRegex("[0-9a-f]{40}"));
  EXPECT_EQ(ir_sha1(*parse_module(crc32_start_bitcode())), before);

  ASSERT_TRUE(value_of(run_pipeline(*module, nullptr, "function(mem2reg)")));
  EXPECT_NE(ir_sha1(*module), before);
}

TEST(IrModuleTest, Sha1SeesNames) {
  const IrModule module = parse_module(crc32_start_bitcode());
  const std::string before = ir_sha1(*module);
  module->getFunction("main")->setName("niam");
  EXPECT_NE(ir_sha1(*module), before);
}

TEST(IrModuleTest, AReportedErrorIsKeptInsteadOfEndingTheProcess) {
  IrModule module = parse_module(crc32_start_bitcode());
  EXPECT_EQ(module.take_reported_error(), "");
  module->getContext().emitError("first");
  module->getContext().emitError("second");
  EXPECT_THAT(module.take_reported_error(), HasSubstr("first"));
  EXPECT_EQ(module.take_reported_error(), "");
}

TEST(IrModuleTest, VerifyNamesTheRule) {
  const IrModule module = parse_module(crc32_start_bitcode());
  EXPECT_TRUE(verify(*module).ok());
  module->getFunction("main")->front().getTerminator()->eraseFromParent();
  const grpc::Status status = verify(*module);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to verify module: "));
  EXPECT_THAT(status.error_message(), HasSubstr("terminator"));
}

TEST(PipelineTest, TellsWhetherTheModuleChanged) {
  const IrModule module = parse_module(crc32_start_bitcode());
  EXPECT_TRUE(value_of(run_pipeline(*module, nullptr, "function(mem2reg)")));
  EXPECT_FALSE(value_of(run_pipeline(*module, nullptr, "function(mem2reg)")));
  EXPECT_FALSE(value_of(run_pipeline(*module, nullptr, "no-op-module")));
}

TEST(PipelineTest, RefusesWhatIsNoPipeline) {
  const IrModule module = parse_module(crc32_start_bitcode());
  const grpc::Status status = run_pipeline(*module, nullptr, "function(mem2gre)").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("mem2gre"));
}

}  // namespace
}  // namespace compiler_gym

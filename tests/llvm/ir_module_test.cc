#include "sessions/llvm/ir/ir_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/pipeline.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"
#include "tests/support/sanitized.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

TEST(IrModuleTest, RefusesWhatIsNotBitcode) {
  EXPECT_EQ(IrModule::parse("not bitcode").error().error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

std::string in_partition(const std::string& partition) {
  return assemble("@data = global i32 0, partition \"" + partition + '"');
}

// Bits of the length of a partition's name are changed, so that it seems to reach further than the bitcode.
TEST(IrModuleTest, HasNoPartitionThatLiesOutsideOfItsBitcode) {
  if (testing::kAddressSanitized) {
    GTEST_SKIP() << "LLVM's reader looks there";
  }
  const std::string good = in_partition(std::string(40, 'p'));
  EXPECT_EQ(parse_module(good)->getNamedGlobal("data")->getPartition(), std::string(40, 'p'));
  // Where two differ first, of which one has a longer name, is the length.
  const auto length = std::ranges::mismatch(good, in_partition(std::string(41, 'p'))).in1;
  const auto begin = static_cast<std::size_t>(length - good.begin());
  constexpr std::size_t kBits = 24;
  int refused = 0;
  for (std::size_t bit = begin * 8; bit < begin * 8 + kBits; ++bit) {
    std::string damaged = good + std::string(4096, '\x7f');  // which is not in the bitcode
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const std::string_view bytes = std::string_view(damaged).substr(0, good.size());
    std::optional<Result<IrModule>> parsed;
    const auto crash = run_recovering([&] { parsed.emplace(IrModule::parse(bytes)); });
    if (!crash.has_value() && *parsed) {
      EXPECT_THAT(ir_text(***parsed), Not(HasSubstr("\\7F"))) << "bit " << bit;
    } else if (!crash.has_value()) {
      const std::string error = parsed->error().error_message();
      refused += error == "Malformed bitcode: the name of a partition lies outside of it" ? 1 : 0;
    }
  }
  EXPECT_GT(refused, 0);
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

#include "sessions/llvm/ir/code_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/target_machines.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

std::string object_of(CodeGenerator& generator, std::string_view bitcode) {
  IrModule module = parse_module(bitcode);
  const CodeGenerator::ObjectBytes object = value_of(generator.compile(module));
  return {object.data(), object.size()};
}

class CodeGeneratorTest : public ::testing::Test {
 protected:
  std::string object_of_new_generator(std::string_view bitcode) const {
    CodeGenerator generator(*machine_);
    return object_of(generator, bitcode);
  }

  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
  const TargetMachines::Lease machine_ = machines_->borrow();
  CodeGenerator generator_{*machine_};
};

TEST_F(CodeGeneratorTest, MakesTheSameObjectWhateverItHasMadeBefore) {
  for (const char* pipeline : {"no-op-module", "default<Oz>", "default<O3>"}) {
    for (const StartBitcode& start : start_bitcodes()) {
      const IrModule module = parse_module(start.bitcode);
      ASSERT_TRUE(run_pipeline(*module, nullptr, pipeline).has_value());
      const std::string bitcode = write_bitcode(*module);
      const std::string object = object_of(generator_, bitcode);
      EXPECT_TRUE(object == object_of_new_generator(bitcode)) << start.name << ", " << pipeline;
    }
  }
}

TEST_F(CodeGeneratorTest, WorksAfterWhatItRefuses) {
  IrModule wrong = parse_module(assemble(R"(
    define void @f() {
      call void asm "nosuchinstruction", ""()
      ret void
    })"));
  const auto refused = generator_.compile(wrong);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error().error_message(),
              ::testing::HasSubstr("invalid instruction mnemonic"));
  EXPECT_TRUE(object_of(generator_, crc32_start_bitcode()) ==
              object_of_new_generator(crc32_start_bitcode()));
}

// Debug information is what the generator keeps most about between functions.
TEST_F(CodeGeneratorTest, ForgetsTheDebugInformationOfTheLastModule) {
  const std::string with_debug_info = bitcode_with_debug_info();
  for (const std::string& bitcode : {with_debug_info, crc32_start_bitcode(), with_debug_info}) {
    EXPECT_TRUE(object_of(generator_, bitcode) == object_of_new_generator(bitcode));
  }
  EXPECT_THAT(object_of(generator_, with_debug_info), ::testing::HasSubstr(".debug_info"));
}

}  // namespace
}  // namespace compiler_gym

#include "sessions/llvm/observations/module_features.h"

#include <gtest/gtest.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/JSON.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

// What CompilerGym 0.2.5 computed of its crc32.
class Crc32FeaturesTest : public ::testing::Test {
 protected:
  static std::vector<std::int64_t> expected(const char* name) {
    static const llvm::json::Value values =
        llvm::cantFail(llvm::json::parse(read_file(COMPILER_GYM_TEST_DATA "/crc32_expected.json")));
    std::vector<std::int64_t> numbers;
    for (const llvm::json::Value& value : *values.getAsObject()->getArray(name)) {
      numbers.push_back(value.getAsInteger().value());
    }
    return numbers;
  }

  const IrModule module_ = parse_module(crc32_start_bitcode());
};

TEST_F(Crc32FeaturesTest, InstCountIsAsPublished) {
  const InstCount counts = inst_count(*module_);
  EXPECT_EQ(std::vector<std::int64_t>(counts.begin(), counts.end()), expected("InstCount"));
}

TEST_F(Crc32FeaturesTest, AutophaseIsAsPublished) {
  const Autophase features = autophase(*module_);
  EXPECT_EQ(std::vector<std::int64_t>(features.begin(), features.end()), expected("Autophase"));
}

TEST(InstCountTest, AgreesWithLlvmsOwnCount) {
  for (const StartBitcode& start : start_bitcodes()) {
    const IrModule module = parse_module(start.bitcode);
    EXPECT_EQ(inst_count(*module)[0], module->getInstructionCount()) << start.name;
    EXPECT_EQ(inst_count(*module)[2], module->size()) << start.name;
  }
}

// Everything that crc32 has none of.
TEST(AutophaseTest, ClassifiesBlocksByPhisAndEdges) {
  const IrModule module = parse_module(assemble(R"(
    declare i8 @byte()
    define i32 @f(i32 %x, i1 %c) {
    entry:
      switch i32 %x, label %many [ i32 1, label %many
                                   i32 2, label %two
                                   i32 3, label %many ]
    two:
      %b = call i8 @byte()
      br i1 %c, label %many, label %loop
    many:                                             ; four edges in
      %p1 = phi i32 [ 7, %entry ], [ 7, %entry ], [ 7, %entry ], [ 1, %two ]
      %p2 = phi i32 [ 0, %entry ], [ 0, %entry ], [ 0, %entry ], [ 1, %two ]
      %p3 = phi i32 [ 0, %entry ], [ 0, %entry ], [ 0, %entry ], [ 1, %two ]
      %p4 = phi i32 [ 0, %entry ], [ 0, %entry ], [ 0, %entry ], [ 1, %two ]
      %s = sub i32 %p1, %p2
      br label %loop
    loop:                                             ; three edges in
      %i = phi i32 [ 0, %two ], [ %s, %many ], [ %n, %loop ]
      %n = add i32 %i, 1
      %d = freeze i32 %n
      %done = icmp eq i32 %d, %x
      br i1 %done, label %out, label %loop
    out:
      ret i32 %i
    }
  )"));
  const Autophase features = autophase(*module);
  EXPECT_EQ(features[0], 1) << "blocks with more than 5 phi arguments";
  EXPECT_EQ(features[1], 1) << "blocks with 1 to 5 phi arguments";
  EXPECT_EQ(features[2], 2) << "blocks with one predecessor";
  EXPECT_EQ(features[4], 1) << "one predecessor, two successors";
  EXPECT_EQ(features[9], 2) << "blocks with two successors";
  EXPECT_EQ(features[10], 2) << "blocks with more than two predecessors";
  EXPECT_EQ(features[11], 1) << "blocks with 1 to 3 phis";
  EXPECT_EQ(features[12], 1) << "blocks with more than 3 phis";
  EXPECT_EQ(features[13], 3) << "blocks without phi";
  EXPECT_EQ(features[14], 2) << "blocks beginning with a phi";
  EXPECT_EQ(features[16], 1) << "calls of functions that return an integer";
  EXPECT_EQ(features[17], 6) << "critical edges: three of the switch, two of `two`, one of `loop`";
  EXPECT_EQ(features[18], 9) << "edges";
  EXPECT_EQ(features[24], 1) << "binary operations with a constant";
  EXPECT_EQ(features[53], 2) << "functions";
  EXPECT_EQ(features[54], 19) << "phi arguments";
  EXPECT_EQ(features[55], 1) << "unary operations: the freeze";
}

}  // namespace
}  // namespace compiler_gym

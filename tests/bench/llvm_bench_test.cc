// That the benchmarks of the LLVM service measure what they say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <boost/filesystem.hpp>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "bench/llvm/bench_modules.h"
#include "bench/llvm/bench_sessions.h"
#include "bench/llvm/other_ways.h"
#include "bench/llvm/tables.h"
#include "sessions/llvm/costs/object_size.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/target_machines.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/programl.h"
#include "tools/support/require.h"

namespace compiler_gym {
namespace {

struct SizeRow {
  ModuleSize size;
  std::size_t least_bytes;
  std::size_t most_bytes;
};

class BenchModuleTest : public ::testing::TestWithParam<SizeRow> {};

TEST_P(BenchModuleTest, IsAlwaysTheSameProgramOfItsSize) {
  const std::string bitcode = bench_module(GetParam().size);
  EXPECT_GE(bitcode.size(), GetParam().least_bytes);
  EXPECT_LE(bitcode.size(), GetParam().most_bytes);
  EXPECT_TRUE(bench_module(GetParam().size) == bitcode);

  const IrModule module = require(IrModule::parse(bitcode));
  EXPECT_TRUE(verify(*module).ok());
  const llvm::Function* main = module->getFunction("main");
  ASSERT_NE(main, nullptr);
  EXPECT_FALSE(main->isDeclaration());
}

INSTANTIATE_TEST_SUITE_P(Sizes, BenchModuleTest,
                         ::testing::Values(SizeRow{ModuleSize::kSmall, 7'000, 9'000},
                                           SizeRow{ModuleSize::kMedium, 85'000, 130'000},
                                           SizeRow{ModuleSize::kLarge, 2'500'000, 3'500'000}),
                         [](const auto& row) { return std::string(name_of(row.param.size)); });

TEST(LinkProgramsTest, GivesEachCopyNamesOfItsOwn) {
  const std::vector<std::string> programs(3, bench_module(ModuleSize::kSmall));
  const InstCount one = inst_count(*require(IrModule::parse(programs[0])));
  const IrModule three = require(IrModule::parse(require(link_programs(programs))));
  EXPECT_EQ(inst_count(*three)[0], 3 * one[0]);
  EXPECT_NE(three->getFunction("main"), nullptr);
  EXPECT_NE(three->getFunction("main.1"), nullptr);
  EXPECT_NE(three->getFunction("main.2"), nullptr);
}

TEST(LinkProgramsTest, RefusesWhatIsNotBitcode) {
  const std::vector<std::string> programs{"int main() {}"};
  EXPECT_EQ(link_programs(programs).error().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// The other ways would be no measure if they computed something else.
class OtherWaysTest : public ::testing::Test {
 protected:
  BenchSessions sessions_;
  const std::string bitcode_ = bench_module(ModuleSize::kMedium);
  const IrModule module_ = require(IrModule::parse(bitcode_));
};

TEST_F(OtherWaysTest, ObjectSizeByProcessesIsTheSame) {
  EXPECT_EQ(object_size_by_processes(bitcode_, sessions_.context().workingDirectory().string()),
            require(object_text_size(bitcode_, sessions_.context().target_machines())));
}

TEST_F(OtherWaysTest, InstCountByVisitorIsTheSame) {
  const InstCount counts = inst_count(*module_);
  EXPECT_EQ(inst_count_by_visitor(*module_),
            std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
}

TEST_F(OtherWaysTest, ProgramlByDomIsTheSame) {
  EXPECT_TRUE(programl_by_dom(*module_) == programl_json(*module_));
}

TEST_F(OtherWaysTest, EagerBaselinesAreTheSameInBothWays) {
  const std::string small = bench_module(ModuleSize::kSmall);
  TargetMachines& machines = sessions_.context().target_machines();
  const std::string directory = sessions_.context().workingDirectory().string();
  EXPECT_EQ(eager_baselines(small, EagerSizes::kInProcess, machines, directory),
            eager_baselines(small, EagerSizes::kByProcesses, machines, directory));
}

struct FormatRow {
  const char* name;
  double seconds;
  const char* text;
};

class FormatTest : public ::testing::TestWithParam<FormatRow> {};

TEST_P(FormatTest, ShowsThreeDigits) {
  EXPECT_EQ(format(Seconds(GetParam().seconds)), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Rows, FormatTest,
                         ::testing::Values(FormatRow{"Seconds", 12.34, "12.3 s"},
                                           FormatRow{"Milliseconds", 0.00534, "5.34 ms"},
                                           FormatRow{"Microseconds", 0.000123, "123 us"},
                                           FormatRow{"Nanoseconds", 4.2e-8, "42.0 ns"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace compiler_gym

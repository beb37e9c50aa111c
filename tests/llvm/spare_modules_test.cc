#include "sessions/llvm/benchmarks/spare_modules.h"

#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <memory>
#include <string>
#include <vector>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/ir/pipeline.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"
#include "tests/support/poll.h"

namespace compiler_gym {
namespace {

using BenchmarkPtr = std::shared_ptr<const LoadedBenchmark>;

BenchmarkPtr loaded(const std::string& name) {
  return std::make_shared<const LoadedBenchmark>(
      LoadedProgram{.bitcode = start_bitcode(name), .module = {}}, BenchmarkDynamicConfig());
}

// What SpareModules takes a module of this benchmark to weigh: what one weighs once it is there.
std::size_t size_of_one(const BenchmarkPtr& benchmark) {
  SpareModules spares;
  static_cast<void>(value_of(spares.take(benchmark)));
  static_cast<void>(value_of(spares.take(benchmark)));
  testing::poll_until([&] { return spares.figures().entries == 1; });
  return spares.figures().size_in_bytes;
}

class SpareModulesTest : public ::testing::Test {
 protected:
  static void take(SpareModules& spares, const BenchmarkPtr& benchmark, int times = 1) {
    for (int i = 0; i < times; ++i) {
      static_cast<void>(value_of(spares.take(benchmark)));
    }
  }

  /// Takes more than there are ready, and waits until so many are.
  static void take_until_missing(SpareModules& spares, const BenchmarkPtr& benchmark,
                                 std::size_t ready_then) {
    const std::uint64_t misses = spares.figures().misses;
    while (spares.figures().misses == misses) {
      take(spares, benchmark);
    }
    testing::poll_until([&] { return spares.figures().entries == ready_then; });
  }
};

TEST_F(SpareModulesTest, ABenchmarkUsedOnceCostsNothing) {
  SpareModules spares;
  for (const StartBitcode& start : start_bitcodes()) {
    take(spares, loaded(start.name));
  }
  const SpareModules::Figures figures = spares.figures();
  EXPECT_EQ(figures.misses, start_bitcodes().size());
  EXPECT_EQ(figures.hits + figures.entries + figures.dropped, 0U);
}

TEST_F(SpareModulesTest, ABenchmarkUsedAgainHasAModuleReadyFromThenOn) {
  SpareModules spares;
  const BenchmarkPtr benchmark = loaded("crc32");
  take(spares, benchmark, 2);
  for (std::uint64_t hits = 1; hits <= 3; ++hits) {
    testing::poll_until([&] { return spares.figures().entries == 1; });
    take(spares, benchmark);
    EXPECT_EQ(spares.figures().hits, hits);
  }
  EXPECT_EQ(spares.figures().misses, 2U);
  EXPECT_EQ(spares.figures().dropped, 0U);
}

TEST_F(SpareModulesTest, KeepsAsManyAsAreTakenAtATimeUpToABound) {
  SpareModules spares({.max_per_benchmark = 3});
  const BenchmarkPtr benchmark = loaded("crc32");
  take(spares, benchmark);
  for (const std::size_t ready : {1, 2, 3, 3, 3}) {
    take_until_missing(spares, benchmark, ready);
  }
  EXPECT_EQ(spares.figures().dropped, 0U);
}

TEST_F(SpareModulesTest, ABoundOfNoneMakesNone) {
  SpareModules spares({.max_per_benchmark = 0});
  take(spares, loaded("crc32"), 3);
  const BenchmarkPtr benchmark = loaded("crc32");
  take(spares, benchmark, 3);
  EXPECT_EQ(spares.figures().misses, 6U);
  EXPECT_EQ(spares.figures().entries, 0U);
}

TEST_F(SpareModulesTest, MakesRoomByThoseOfTheBenchmarkAskedForLeastRecently) {
  const BenchmarkPtr a = loaded("crc32");
  const BenchmarkPtr b = loaded("sorting");
  const BenchmarkPtr c = loaded("matrix");
  const std::size_t all = size_of_one(a) + size_of_one(b) + size_of_one(c);
  SpareModules spares({.max_size_in_bytes = all - 1});
  take(spares, a, 2);
  testing::poll_until([&] { return spares.figures().entries == 1; });
  take(spares, b, 2);
  testing::poll_until([&] { return spares.figures().entries == 2; });
  take(spares, a);
  testing::poll_until([&] { return spares.figures().entries == 2; });
  EXPECT_EQ(spares.figures().dropped, 0U);

  take(spares, c, 2);  // b goes, which a was used after
  testing::poll_until([&] { return spares.figures().dropped == 1; });
  testing::poll_until([&] { return spares.figures().entries == 2; });
  EXPECT_EQ(spares.figures().size_in_bytes, size_of_one(a) + size_of_one(c));
  const std::uint64_t hits = spares.figures().hits;
  take(spares, a);
  take(spares, c);
  EXPECT_EQ(spares.figures().hits, hits + 2);
  take(spares, b);
  EXPECT_EQ(spares.figures().hits, hits + 2) << "b should have gone";
}

TEST_F(SpareModulesTest, MakesNoneThatIsLargerThanTheBound) {
  const BenchmarkPtr small = loaded("sorting");
  const BenchmarkPtr large = loaded("crc32");
  ASSERT_LT(size_of_one(small), size_of_one(large));
  SpareModules spares({.max_size_in_bytes = size_of_one(small)});
  take(spares, large, 3);
  take(spares, small, 2);
  testing::poll_until([&] { return spares.figures().entries == 1; });
  EXPECT_EQ(spares.figures().size_in_bytes, size_of_one(small));
  EXPECT_EQ(spares.figures().hits, 0U);
}

TEST_F(SpareModulesTest, DropsThoseOfABenchmarkThatIsGone) {
  SpareModules spares;
  BenchmarkPtr benchmark = loaded("crc32");
  const std::weak_ptr<const LoadedBenchmark> watched = benchmark;
  take(spares, benchmark, 2);
  testing::poll_until([&] { return spares.figures().entries == 1; });
  benchmark.reset();
  testing::poll_until([&] { return watched.expired(); });  // spares don't hold it
  take(spares, loaded("sorting"));
  EXPECT_EQ(spares.figures().entries, 0U);
  EXPECT_EQ(spares.figures().size_in_bytes, 0U);
  EXPECT_EQ(spares.figures().dropped, 1U);
}

TEST_F(SpareModulesTest, HandsOutEachOnce) {
  SpareModules spares;
  const BenchmarkPtr benchmark = loaded("crc32");
  take(spares, benchmark);
  take_until_missing(spares, benchmark, 1);
  take_until_missing(spares, benchmark, 2);
  const IrModule first = value_of(spares.take(benchmark));
  const IrModule second = value_of(spares.take(benchmark));
  EXPECT_NE(&*first, &*second);
  EXPECT_NE(&first->getContext(), &second->getContext());
}

// A session on a spare module, one on a module parsed for it, and their forks.
class SpareSessionTest : public LlvmFixture, public ::testing::WithParamInterface<StartBitcode> {
 protected:
  /// On a benchmark that one session has been started on; with a further spare for the next.
  std::unique_ptr<LlvmSession> start_on_spare(const std::shared_ptr<const Benchmark>& benchmark) {
    const auto spares_of = [this] { return context_.spare_modules().figures(); };
    static_cast<void>(start(benchmark));
    testing::poll_until([&] { return spares_of().entries == 1; });
    auto session = start(benchmark);
    EXPECT_EQ(spares_of().hits, 1U);
    testing::poll_until([&] { return spares_of().entries == 1; });
    return session;
  }
};

TEST_P(SpareSessionTest, GivesTheSameModuleAfterTheSameActions) {
  const auto benchmark = make_benchmark("benchmark://spare", GetParam().bitcode);
  const auto parsed = start(benchmark);
  const auto spare = start_on_spare(benchmark);
  for (const char* flag : {"-mem2reg", "-simplifycfg", "-instcombine", "-gvn", "-licm",
                           "-loop-unroll", "-early-cse-memssa", "-newgvn", "-inline", "-sroa",
                           "-jump-threading", "-simplifycfg", "-dse", "-adce"}) {
    EXPECT_EQ(apply(*spare, flag), apply(*parsed, flag)) << flag;
    ASSERT_EQ(sha1(*spare), sha1(*parsed)) << flag;
  }
  const std::uint64_t hits = context_.spare_modules().figures().hits;
  const auto forked = fork(*parsed);
  EXPECT_EQ(context_.spare_modules().figures().hits, hits + 1) << "a fork starts on one, too";
  EXPECT_EQ(sha1(*forked), sha1(*parsed));
  EXPECT_EQ(observe(*forked, "Ir").string_value(), observe(*parsed, "Ir").string_value());
}

INSTANTIATE_TEST_SUITE_P(Modules, SpareSessionTest, ::testing::ValuesIn(start_bitcodes()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace compiler_gym

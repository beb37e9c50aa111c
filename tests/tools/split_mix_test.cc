#include "tools/load/split_mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Gt;
using ::testing::Lt;

TEST(SplitMixTest, SameSeedAndStreamGiveTheSameNumbers) {
  SplitMix one(7, 3);
  SplitMix same(7, 3);
  SplitMix other_stream(7, 4);
  SplitMix other_seed(8, 3);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = one();
    EXPECT_EQ(same(), number);
    EXPECT_NE(other_stream(), number);
    EXPECT_NE(other_seed(), number);
  }
}

TEST(SplitMixTest, TheFirstNumbersOfNeighbouringStreamsAreSpreadEvenly) {
  constexpr int kStreams = 100'000;
  constexpr int kActions = 100;
  std::vector<int> drawn(kActions);
  for (int stream = 0; stream < kStreams; ++stream) {
    ++drawn[SplitMix(1, static_cast<std::uint64_t>(stream))() % kActions];
  }
  // 1,000 on average, with a standard deviation of 31.
  EXPECT_THAT(drawn, Each(AllOf(Gt(800), Lt(1200))));
}

}  // namespace
}  // namespace compiler_gym

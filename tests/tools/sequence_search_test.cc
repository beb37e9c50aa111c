#include "tools/demo/sequence_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

/// The actions the search starts from, and a few others, which come last.
std::vector<std::string> action_names() {
  return {"-sroa",
          "-simplifycfg",
          "-instcombine",
          "-gvn",
          "-dse",
          "-adce",
          "-mem2reg",
          "-reassociate",
          "-sccp",
          "-bdce",
          "-globaldce",
          "-globalopt",
          "-ipsccp",
          "-deadargelim",
          "-early-cse-memssa",
          "-tailcallelim",
          "-newgvn",
          "-inline",
          "-early-cse",
          "-jump-threading",
          "-correlated-propagation",
          "-licm",
          "-indvars",
          "-loop-idiom",
          "-memcpyopt",
          "-loop-deletion",
          "-constmerge",
          "-functionattrs",
          "-loop-simplify",
          "-gvn-hoist",
          "-sink",
          "-mergereturn",
          "-mergefunc",
          "-other-one",
          "-other-two",
          "-other-three"};
}

SequenceSearch make_search(std::uint64_t seed = 1) {
  Result<SequenceSearch> search = SequenceSearch::create(action_names(), seed);
  EXPECT_TRUE(search) << to_string(search.error());
  return *std::move(search);
}

/// A landscape with one valley: the distance from a hidden sequence, position by position.
std::int64_t size_of(const ActionSequence& actions, const ActionSequence& hidden) {
  std::int64_t size =
      1000 + 10 * static_cast<std::int64_t>(std::max(actions.size(), hidden.size()));
  for (std::size_t i = 0; i < std::min(actions.size(), hidden.size()); ++i) {
    size -= actions[i] == hidden[i] ? 10 : 0;
  }
  return size;
}

TEST(SequenceSearchTest, NamesAnActionThatTheServiceLacks) {
  std::vector<std::string> names = action_names();
  std::erase(names, "-gvn");
  const auto search = SequenceSearch::create(names, 1);
  ASSERT_FALSE(search);
  EXPECT_EQ(to_string(search.error()), "NOT_FOUND: the service has no action '-gvn'");
}

TEST(SequenceSearchTest, ProposesNoSequenceTwiceAndNoneThatIsTooLong) {
  SequenceSearch search = make_search();
  std::set<ActionSequence> seen;
  for (int i = 0; i < 3000; ++i) {
    ScoredSequence scored{search.propose(), 0};
    EXPECT_TRUE(seen.insert(scored.actions).second);
    EXPECT_LE(scored.actions.size(), SequenceSearch::kMaxLength);
    EXPECT_THAT(scored.actions, Each(::testing::AllOf(::testing::Ge(0), ::testing::Lt(36))));
    scored.size = 1000 - static_cast<std::int64_t>(scored.actions.size());  // rewards length
    search.report(scored);
  }
}

TEST(SequenceSearchTest, FindsItsWayDownALandscape) {
  const ActionSequence hidden{3, 1, 4, 1, 5, 9, 2, 6};
  SequenceSearch search = make_search();
  for (int i = 0; i < 20'000 && search.best().size > 1000; ++i) {
    ScoredSequence scored{search.propose(), 0};
    scored.size = size_of(scored.actions, hidden);
    search.report(scored);
  }
  EXPECT_EQ(search.best().actions, hidden);
}

TEST(SequenceSearchTest, TheSameSeedGivesTheSameSearch) {
  SequenceSearch one = make_search(7);
  SequenceSearch two = make_search(7);
  SequenceSearch other = make_search(8);
  bool differs = false;
  for (int i = 0; i < 200; ++i) {
    const ActionSequence actions = one.propose();
    EXPECT_EQ(actions, two.propose());
    differs = differs || actions != other.propose();
    for (SequenceSearch* search : {&one, &two, &other}) {
      search->report({actions, static_cast<std::int64_t>(500 + actions.size() % 7)});
    }
  }
  EXPECT_TRUE(differs);
}

TEST(SequenceSearchTest, ReportSaysWhetherASequenceIsTheBest) {
  SequenceSearch search = make_search();
  EXPECT_TRUE(search.report({{1, 2, 3}, 100}));
  EXPECT_FALSE(search.report({{1, 2, 4}, 101}));
  EXPECT_TRUE(search.report({{1, 2}, 100})) << "as small and shorter";
  EXPECT_FALSE(search.report({{1, 3}, 100})) << "as small and as short";
  EXPECT_EQ(search.best().actions, (ActionSequence{1, 2}));
  EXPECT_EQ(search.best().size, 100);
}

TEST(SequenceSearchTest, KnowsNoBestBeforeTheFirstReport) {
  EXPECT_TRUE(make_search().best().actions.empty());
  EXPECT_GT(make_search().best().size, std::int64_t{1} << 60);
}

TEST(SequenceSearchTest, PenalisedActionsBecomeRareAndRewardedOnesFrequent) {
  constexpr int kOtherOne = 33;
  constexpr int kOtherTwo = 34;
  constexpr int kOtherThree = 35;
  SequenceSearch search = make_search();
  for (int i = 0; i < 10; ++i) {
    search.penalise({kOtherOne});
    search.report({{kOtherTwo}, 100 - i});
  }
  std::map<int, int> drawn;
  for (int i = 0; i < 20'000; ++i) {
    ++drawn[search.propose_action()];
  }
  EXPECT_LT(drawn[kOtherOne], 10);
  EXPECT_GT(drawn[kOtherThree], 20);
  EXPECT_GT(drawn[kOtherTwo], drawn[kOtherThree] * 5);
}

}  // namespace
}  // namespace compiler_gym

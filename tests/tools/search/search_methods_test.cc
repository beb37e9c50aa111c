// The four methods, on a landscape without a compiler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "tests/tools/search/fake_objective.h"
#include "tools/search/genetic_method.h"
#include "tools/search/greedy_method.h"
#include "tools/search/local_method.h"
#include "tools/search/random_method.h"
#include "tools/search/search_method.h"

namespace compiler_gym {
namespace {

using ::testing::Each;
using testing::fake_space;
using testing::fake_value;
using ::testing::Ge;
using testing::kCrashing;
using testing::kOz;
using testing::kPasses;
using ::testing::Lt;
using ::testing::StartsWith;

void report_starts(SearchMethod& method) {
  method.report({}, fake_value({}));
  method.report({kOz}, fake_value({kOz}));
}

class SearchMethodTest : public ::testing::TestWithParam<MethodKind> {
 protected:
  static std::unique_ptr<SearchMethod> make(std::uint64_t seed = 1) {
    auto method = make_search_method(GetParam(), fake_space(), seed);
    report_starts(*method);
    return method;
  }
};

TEST_P(SearchMethodTest, ProposesWhatThereIsAndForksWhatItSays) {
  const auto method = make();
  for (int i = 0; i < 1000; ++i) {
    const Proposal proposal = method->propose();
    EXPECT_LE(proposal.passes.size(), SearchMethod::kMaxLength);
    EXPECT_LE(proposal.forked_after, proposal.passes.size());
    EXPECT_THAT(proposal.passes, Each(::testing::AllOf(Ge(0), Lt(kPasses))));
    // What is rewarded is length, so that sequences grow to what is allowed.
    method->report(proposal.passes, 10'000 - static_cast<std::int64_t>(proposal.passes.size()));
  }
}

TEST_P(SearchMethodTest, TheSameSeedGivesTheSameSearch) {
  const auto one = make(7);
  const auto two = make(7);
  const auto other = make(8);
  bool differs = false;
  for (int i = 0; i < 300; ++i) {
    const Proposal proposal = one->propose();
    EXPECT_EQ(proposal.passes, two->propose().passes);
    differs = differs || proposal.passes != other->propose().passes;
    for (SearchMethod* method : {one.get(), two.get(), other.get()}) {
      method->report(proposal.passes, fake_value(proposal.passes));
    }
  }
  EXPECT_TRUE(differs);
}

TEST_P(SearchMethodTest, FindsSomethingBetterThanWhatItStartsFrom) {
  const auto method = make();
  std::int64_t best = *fake_value({kOz});
  for (int i = 0; i < 600; ++i) {
    const Proposal proposal = method->propose();
    const auto value = fake_value(proposal.passes);
    best = std::min(best, value.value_or(best));
    method->report(proposal.passes, value);
  }
  const std::int64_t enough = GetParam() == MethodKind::kRandom ? 600 : 560;
  EXPECT_LE(best, enough) << "540 is what all three good passes give";
}

INSTANTIATE_TEST_SUITE_P(Methods, SearchMethodTest, ::testing::ValuesIn(kAllMethods),
                         [](const auto& instance) {
                           return std::string(to_string(instance.param));
                         });

TEST(SearchMethodNamesTest, AreFound) {
  for (const MethodKind kind : kAllMethods) {
    EXPECT_EQ(find_method(to_string(kind)), kind);
  }
  EXPECT_FALSE(find_method("annealing"));
}

TEST(RandomMethodTest, TakesTurnsBetweenNothingAndOz) {
  RandomMethod method(fake_space(), 1);
  int from_nothing = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(method.propose().passes.front(), kOz);
    from_nothing += method.propose().passes.front() == kOz ? 0 : 1;
  }
  EXPECT_GT(from_nothing, 10);
}

TEST(GreedyMethodTest, TriesEachPassOnceBehindOneStateAndForksIt) {
  GreedyMethod method(fake_space(), 1);
  report_starts(method);
  std::map<PassSequence, std::set<int>> tried;
  for (int i = 0; i < kPasses; ++i) {
    const Proposal proposal = method.propose();
    ASSERT_EQ(proposal.forked_after + 1, proposal.passes.size());
    PassSequence base = proposal.passes;
    base.pop_back();
    EXPECT_TRUE(tried[base].insert(proposal.passes.back()).second);
    method.report(proposal.passes, 10'000);  // nothing is better
  }
  EXPECT_EQ(tried.size(), 2U) << "from nothing and from default<Oz>";
}

TEST(GreedyMethodTest, TriesSeveralAtOnceWhereNoSinglePassHelps) {
  GreedyMethod method(fake_space(), 1);
  report_starts(method);
  std::size_t longest = 0;
  for (int i = 0; i < 10 * kPasses; ++i) {
    const Proposal proposal = method.propose();
    longest = std::max(longest, proposal.passes.size() - proposal.forked_after);
    method.report(proposal.passes, 10'000);
  }
  EXPECT_EQ(longest, 3U);
}

TEST(LocalMethodTest, StartsFromOzAndGoesOnFromWhatIsNotLarger) {
  LocalMethod method(fake_space(), 1);
  report_starts(method);
  for (int i = 0; i < 10; ++i) {
    const PassSequence proposed = method.propose().passes;
    EXPECT_LE(proposed.size(), 2U) << "one change away from default<Oz>";
    method.report(proposed, 10'000);
  }
  const PassSequence equal{kOz, 1, 2, 3, 4, 5};
  method.report(equal, 10);
  EXPECT_GE(method.propose().passes.size(), equal.size() - 1);
}

TEST(LocalMethodTest, ForksWhenAPassComesBehind) {
  LocalMethod method(fake_space(), 1);
  report_starts(method);
  int forks = 0;
  for (int i = 0; i < 40; ++i) {
    const Proposal proposal = method.propose();
    forks += proposal.forked_after == 1 ? 1 : 0;
    if (proposal.forked_after > 0) {
      EXPECT_EQ(proposal.passes.front(), kOz);
    }
    method.report(proposal.passes, 10'000);
  }
  EXPECT_GT(forks, 10);
}

TEST(GeneticMethodTest, BeginsWithWhatIsKnownAndProposesNothingTwice) {
  GeneticMethod method(fake_space(), 1);
  report_starts(method);
  EXPECT_EQ(method.propose().passes, (PassSequence{kOz, kOz}));
  EXPECT_EQ(method.propose().passes, (PassSequence{1, 2}));
  std::set<PassSequence> seen{{}, {kOz}, {kOz, kOz}, {1, 2}};
  for (int i = 0; i < 3000; ++i) {
    const PassSequence passes = method.propose().passes;
    EXPECT_TRUE(seen.insert(passes).second);
    method.report(passes, fake_value(passes));
  }
}

TEST(GeneticMethodTest, PassesThatFailBecomeRare) {
  GeneticMethod method(fake_space(), 1);
  report_starts(method);
  std::map<int, int> proposed;
  for (int i = 0; i < 3000; ++i) {
    const PassSequence passes = method.propose().passes;
    for (const int pass : passes) {
      ++proposed[pass];
    }
    method.report(passes, fake_value(passes));
  }
  EXPECT_LT(proposed[kCrashing] * 20, proposed[testing::kGood[0]]);
}

}  // namespace
}  // namespace compiler_gym

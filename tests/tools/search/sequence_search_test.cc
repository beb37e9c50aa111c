#include "tools/search/sequence_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <utility>

#include "tests/tools/search/fake_objective.h"

namespace compiler_gym {
namespace {

using testing::fake_space;
using testing::fake_value;
using testing::kOz;

/// Proposes what it is given, then always the same.
class ScriptedMethod final : public SearchMethod {
 public:
  explicit ScriptedMethod(std::deque<PassSequence> script) : script_(std::move(script)) {}

  Proposal propose() override {
    Proposal proposal{.passes = script_.front()};
    if (script_.size() > 1) {
      script_.pop_front();
    }
    return proposal;
  }
  void report(const PassSequence& /*passes*/, std::optional<std::int64_t> /*value*/) override {}

 private:
  std::deque<PassSequence> script_;
};

SequenceSearch scripted(std::deque<PassSequence> script) {
  return {std::make_unique<ScriptedMethod>(std::move(script)), fake_space()};
}

/// With a budget of so many measurements; how many were made.
int run(SequenceSearch& search, int steps) {
  while (auto proposal = search.next(static_cast<double>(search.measurements()) / steps)) {
    search.report(proposal->passes, fake_value(proposal->passes));
  }
  return search.measurements();
}

TEST(SequenceSearchTest, MeasuresWhatAllMethodsStartFromFirst) {
  SequenceSearch search = scripted({{1}});
  EXPECT_EQ(search.next(0)->passes, PassSequence());
  EXPECT_EQ(search.next(0)->passes, PassSequence{kOz});
  EXPECT_EQ(search.next(0)->passes, PassSequence{1});
}

TEST(SequenceSearchTest, ForksWhatBeginsWithOz) {
  SequenceSearch search = scripted({{kOz, 1}, {kOz}, {1, kOz}});
  EXPECT_EQ(search.next(0)->forked_after, 0U);
  EXPECT_EQ(search.next(0)->forked_after, 0U);
  EXPECT_EQ(search.next(0)->forked_after, 1U);
  EXPECT_EQ(search.next(0)->forked_after, 0U);
  EXPECT_EQ(search.next(0)->forked_after, 0U);
}

TEST(SequenceSearchTest, EndsWithItsBudget) {
  for (const int steps : {1, 2, 10, 100}) {
    SequenceSearch search = scripted({{1}});
    EXPECT_EQ(run(search, steps), steps);
  }
}

TEST(SequenceSearchTest, LeavesOutWhatDoesNothingFromItsBudget) {
  // 3 and 11 are good; the second 3 does nothing, nor does the second default<Oz>.
  SequenceSearch search = scripted({{kOz, 3, kOz, 11, 3}});
  EXPECT_EQ(run(search, 60), 60);
  EXPECT_EQ(search.finalists().front().passes.size(), 3U);
  EXPECT_EQ(search.finalists().front().value, *fake_value({kOz, 3, 11}));
}

TEST(SequenceSearchTest, PruningFindsWhatIsSmaller) {
  // 1 and 2 make it larger.
  SequenceSearch search = scripted({{1, kOz, 2, 3}});
  run(search, 60);
  EXPECT_EQ(search.finalists().front().passes, (PassSequence{kOz, 3}));
}

TEST(SequenceSearchTest, FinalistsAreTheShortestOfEachValueAndEndWithTheStart) {
  SequenceSearch search = scripted({{kOz, 3, 3}, {kOz, 3}, {kOz, 3, 11}, {9, 9, kOz}});
  run(search, 6);  // too few for pruning to find anything
  const std::vector<ScoredSequence> finalists = search.finalists();
  ASSERT_GE(finalists.size(), 3U);
  EXPECT_EQ(finalists[0].passes, (PassSequence{kOz, 3, 11}));
  EXPECT_EQ(finalists[1].passes, (PassSequence{kOz, 3}));
  EXPECT_EQ(finalists[2].passes, PassSequence{kOz});
}

TEST(SequenceSearchTest, TheStartIsAFinalistHoweverMuchIsBetter) {
  std::deque<PassSequence> script;
  for (int length = 1; length <= 20; ++length) {
    script.push_back(PassSequence(static_cast<std::size_t>(length), 1));
  }
  SequenceSearch search = scripted(script);
  while (auto proposal = search.next(search.measurements() < 20 ? 0 : 1)) {
    const bool is_oz = proposal->passes == PassSequence{kOz};
    search.report(proposal->passes,
                  is_oz ? 5000 : 1000 - static_cast<std::int64_t>(proposal->passes.size()));
  }
  const std::vector<ScoredSequence> finalists = search.finalists();
  ASSERT_EQ(finalists.size(), SequenceSearch::kMaxFinalists + 1);
  EXPECT_EQ(finalists.back().passes, PassSequence{kOz});
  EXPECT_EQ(finalists.back().value, 5000);
}

TEST(SequenceSearchTest, WhatFailedIsNoFinalist) {
  SequenceSearch search = scripted({{kOz, testing::kCrashing}});
  run(search, 20);
  EXPECT_EQ(search.finalists().front().passes, PassSequence{kOz});
}

TEST(SequenceSearchTest, WhereEverythingFailsThereIsNoFinalist) {
  SequenceSearch search = scripted({{1}});
  for (int i = 0; i < 30; ++i) {
    if (const auto proposal = search.next(i / 30.0)) {
      search.report(proposal->passes, std::nullopt);
    }
  }
  EXPECT_TRUE(search.finalists().empty());
}

TEST(SequenceSearchTest, KeepsWhenItBecameBetter) {
  SequenceSearch search = scripted({{kOz, 3}, {kOz, 1}});
  run(search, 5);
  const std::vector<Improvement>& improvements = search.improvements();
  ASSERT_EQ(improvements.size(), 3U);
  EXPECT_EQ(improvements[0].value, 1000);
  EXPECT_EQ(improvements[2].measurements, 3);
  EXPECT_EQ(improvements[2].value, 580);
}

}  // namespace
}  // namespace compiler_gym

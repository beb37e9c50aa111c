// CONTRACT.md 7.5, sentence by sentence.
#include "context/benchmark_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A benchmark whose serialised message is exactly `size` bytes long.
Benchmark benchmark_of(const std::string& uri, std::size_t size, char fill = 'x') {
  Benchmark benchmark;
  benchmark.set_uri(uri);
  auto& contents = *benchmark.mutable_program()->mutable_contents();
  while (benchmark.ByteSizeLong() < size) {
    contents.push_back(fill);
  }
  EXPECT_EQ(benchmark.SerializeAsString().size(), size) << "no message of this size exists";
  return benchmark;
}

class BenchmarkCacheTest : public ::testing::Test {
 protected:
  void add(std::initializer_list<const char*> uris, std::size_t size = 100) {
    for (const char* uri : uris) {
      cache_.add(benchmark_of(uri, size));
    }
  }

  /// Which of a to f are there. Asks in that order, and asking counts as a use.
  std::vector<std::string> held() {
    std::vector<std::string> held;
    for (const char* uri : {"a", "b", "c", "d", "e", "f"}) {
      if (cache_.get(uri) != nullptr) {
        held.emplace_back(uri);
      }
    }
    return held;
  }

  BenchmarkCache cache_{400};
};

TEST_F(BenchmarkCacheTest, HoldsAQuarterOfAGibibyteByDefault) {
  EXPECT_EQ(BenchmarkCache().max_size_in_bytes(), 268'435'456U);
}

TEST_F(BenchmarkCacheTest, GivesBackWhatWasAdded) {
  Benchmark benchmark = benchmark_of("a", 100);
  benchmark.mutable_dynamic_config()->mutable_build_cmd()->add_argument("make");
  const std::string bytes = benchmark.SerializeAsString();

  const auto added = cache_.add(std::move(benchmark));

  EXPECT_EQ(cache_.get("a"), added);
  EXPECT_EQ(cache_.get("a")->SerializeAsString(), bytes);
  EXPECT_EQ(cache_.get("b"), nullptr);
}

TEST_F(BenchmarkCacheTest, ItsSizeIsThatOfTheSerialisedMessages) {
  EXPECT_EQ(cache_.size_in_bytes(), 0U);
  Benchmark benchmark = benchmark_of("a", 100);
  benchmark.mutable_dynamic_config()->mutable_run_cmd()->add_argument("./a.out");
  const std::size_t size = benchmark.SerializeAsString().size();
  ASSERT_GT(size, 100U);
  cache_.add(std::move(benchmark));
  EXPECT_EQ(cache_.size_in_bytes(), size);
  cache_.add(benchmark_of("b", 77));
  EXPECT_EQ(cache_.size_in_bytes(), size + 77);
  EXPECT_EQ(cache_.size(), 2U);
}

TEST_F(BenchmarkCacheTest, TakesBenchmarksWithoutLookingAtThem) {
  Benchmark uri_only;
  uri_only.set_uri("a");
  cache_.add(std::move(uri_only));
  cache_.add(Benchmark());
  ASSERT_NE(cache_.get("a"), nullptr);
  EXPECT_FALSE(cache_.get("a")->has_program());
  EXPECT_NE(cache_.get(""), nullptr);
}

TEST_F(BenchmarkCacheTest, ABenchmarkReplacesTheOneOfItsUri) {
  cache_.add(benchmark_of("a", 100, 'o'));
  cache_.add(benchmark_of("a", 60, 'n'));
  EXPECT_EQ(cache_.size(), 1U);
  EXPECT_EQ(cache_.size_in_bytes(), 60U);
  EXPECT_EQ(cache_.get("a")->program().contents().front(), 'n');
}

TEST_F(BenchmarkCacheTest, AnEqualBenchmarkIsTheOneThatIsThere) {
  const auto first = cache_.add(benchmark_of("a", 100));
  add({"b"});
  EXPECT_EQ(cache_.add(benchmark_of("a", 100)), first);
  EXPECT_EQ(cache_.size_in_bytes(), 200U);
  EXPECT_NE(cache_.add(benchmark_of("a", 101)), first);
  EXPECT_EQ(cache_.size_in_bytes(), 201U);
}

TEST_F(BenchmarkCacheTest, AReplacedBenchmarkGoesBeforeRoomIsMade) {
  add({"a", "b", "c", "d"});
  cache_.add(benchmark_of("a", 100));  // 400 - 100 + 100: fits
  EXPECT_THAT(held(), ElementsAre("a", "b", "c", "d"));
}

TEST_F(BenchmarkCacheTest, FillsUpToTheMaximum) {
  add({"a", "b", "c", "d"});
  EXPECT_EQ(cache_.size_in_bytes(), 400U);
  EXPECT_THAT(held(), ElementsAre("a", "b", "c", "d"));
}

TEST_F(BenchmarkCacheTest, OverTheMaximumItEvictsToHalfAndThenStores) {
  add({"a", "b", "c", "d"});
  cache_.add(benchmark_of("e", 12));  // evicts to 200, not to 388
  EXPECT_EQ(cache_.size_in_bytes(), 212U);
  EXPECT_EQ(cache_.size(), 3U);
}

TEST_F(BenchmarkCacheTest, EvictsNoMoreThanToHalf) {
  cache_.set_max_size_in_bytes(399);  // half of which is 199
  add({"a"}, 150);
  add({"b"}, 50);
  add({"c"}, 149);
  cache_.add(benchmark_of("d", 100));
  EXPECT_THAT(held(), ElementsAre("b", "c", "d")) << "50 + 149 is the half";
}

TEST_F(BenchmarkCacheTest, EvictsWhatWasAddedFirst) {
  add({"a", "b", "c", "d", "e"});
  EXPECT_THAT(held(), ElementsAre("c", "d", "e"));
}

TEST_F(BenchmarkCacheTest, AGetCountsAsAUse) {
  add({"a", "b", "c", "d"});
  static_cast<void>(cache_.get("a"));
  add({"e"});
  EXPECT_THAT(held(), ElementsAre("a", "d", "e"));
}

TEST_F(BenchmarkCacheTest, AReplacementCountsAsAUse) {
  add({"a", "b", "c", "d"});
  add({"a", "e"});
  EXPECT_THAT(held(), ElementsAre("a", "d", "e"));
}

TEST_F(BenchmarkCacheTest, AskingForWhatIsNotThereIsNoUse) {
  add({"a", "b", "c", "d"});
  EXPECT_EQ(cache_.get("f"), nullptr);
  add({"e"});
  EXPECT_THAT(held(), ElementsAre("c", "d", "e"));
}

TEST_F(BenchmarkCacheTest, OneLargerThanTheCacheStaysUntilTheNextIsAdded) {
  add({"a", "b"});
  cache_.add(benchmark_of("c", 1000));
  EXPECT_THAT(held(), ElementsAre("a", "b", "c")) << "evicting to half was enough for the rule";
  EXPECT_EQ(cache_.size_in_bytes(), 1200U);

  cache_.add(benchmark_of("d", 10));
  EXPECT_THAT(held(), ElementsAre("d"));
  EXPECT_EQ(cache_.size_in_bytes(), 10U);
}

TEST_F(BenchmarkCacheTest, ASmallerMaximumEvictsAtOnceToThatMaximum) {
  add({"a", "b", "c", "d"});
  cache_.set_max_size_in_bytes(300);
  EXPECT_EQ(cache_.max_size_in_bytes(), 300U);
  EXPECT_THAT(held(), ElementsAre("b", "c", "d")) << "to 300, not to half of it";
  cache_.set_max_size_in_bytes(299);
  EXPECT_THAT(held(), ElementsAre("c", "d"));
}

TEST_F(BenchmarkCacheTest, ALargerMaximumEvictsNothing) {
  add({"a", "b", "c", "d"});
  cache_.set_max_size_in_bytes(std::numeric_limits<std::size_t>::max());
  add({"e", "f"});
  EXPECT_THAT(held(), ElementsAre("a", "b", "c", "d", "e", "f"));
}

TEST_F(BenchmarkCacheTest, AClientChoosesUpToTheOperatorsMaximum) {
  add({"a", "b", "c", "d"});
  const std::size_t operators = cache_.max_size_in_bytes();
  EXPECT_TRUE(cache_.choose_max_size_in_bytes(299));
  EXPECT_THAT(held(), ElementsAre("c", "d"));
  EXPECT_FALSE(cache_.choose_max_size_in_bytes(operators + 1));
  EXPECT_EQ(cache_.max_size_in_bytes(), 299U) << "refused, and nothing changed";
  EXPECT_TRUE(cache_.choose_max_size_in_bytes(operators));
  EXPECT_EQ(cache_.max_size_in_bytes(), operators);
  EXPECT_EQ(cache_.operators_max_size_in_bytes(), operators);
}

TEST_F(BenchmarkCacheTest, WithAMaximumOfZeroItHoldsOnlyWhatWasAddedLast) {
  add({"a", "b"});
  cache_.set_max_size_in_bytes(0);
  EXPECT_THAT(held(), IsEmpty());
  EXPECT_EQ(cache_.size_in_bytes(), 0U);
  add({"c", "d"});
  EXPECT_THAT(held(), ElementsAre("d"));
}

TEST_F(BenchmarkCacheTest, WhoeverHoldsABenchmarkKeepsItPastItsEviction) {
  auto kept = cache_.add(benchmark_of("a", 100));
  const std::weak_ptr<const Benchmark> let_go = cache_.add(benchmark_of("b", 100));
  cache_.set_max_size_in_bytes(0);
  EXPECT_EQ(cache_.get("a"), nullptr);
  EXPECT_EQ(kept->uri(), "a");
  EXPECT_EQ(kept->ByteSizeLong(), 100U);
  EXPECT_TRUE(let_go.expired()) << "evicted and held by nobody";
}

TEST_F(BenchmarkCacheTest, WhoeverHoldsABenchmarkKeepsItPastItsReplacement) {
  const auto kept = cache_.add(benchmark_of("a", 100, 'o'));
  cache_.add(benchmark_of("a", 100, 'n'));
  EXPECT_EQ(kept->program().contents().front(), 'o');
  EXPECT_EQ(cache_.get("a")->program().contents().front(), 'n');
}

TEST_F(BenchmarkCacheTest, KeepsItsBoundWhenManyThreadsUseIt) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string uri(1, static_cast<char>('a' + (thread + round) % 6));
        cache_.add(benchmark_of(uri, 100));
        if (const auto benchmark = cache_.get(uri)) {
          EXPECT_EQ(benchmark->uri(), uri);
        }
        EXPECT_LE(cache_.size_in_bytes(), 400U);
        if (round % 50 == 0) {
          cache_.set_max_size_in_bytes(round % 100 == 0 ? 200 : 400);
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(cache_.size_in_bytes(), held().size() * 100);
}

}  // namespace
}  // namespace compiler_gym

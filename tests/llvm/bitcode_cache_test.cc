#include "sessions/llvm/benchmarks/bitcode_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/filesystem.hpp>
#include <fstream>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/worker_pool.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"
#include "tests/support/latch.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

// A cache whose loader takes the program for the bitcode.
class BitcodeCacheTest : public ::testing::Test {
 protected:
  static BitcodeCache::Loader passing_loader() {
    return [](const Benchmark& benchmark, std::string_view program) {
      return std::make_shared<const LoadedBenchmark>(
          LoadedProgram{.bitcode = std::string(program), .module = {}}, benchmark.dynamic_config());
    };
  }

  static std::shared_ptr<const LoadedBenchmark> get(
      BitcodeCache& cache, const std::shared_ptr<const Benchmark>& benchmark) {
    return value_of(cache.get(benchmark));
  }
};

TEST_F(BitcodeCacheTest, LoadsOnceAndHashesOnceForOneBenchmark) {
  BitcodeCache cache(passing_loader());
  const auto benchmark = make_benchmark("a", "program");
  const auto first = get(cache, benchmark);
  EXPECT_EQ(first->bitcode(), "program");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(get(cache, benchmark), first);
  }
  const BitcodeCache::Figures figures = cache.figures();
  EXPECT_EQ(figures.loads, 1U);
  EXPECT_EQ(figures.hashed, 1U);
  EXPECT_EQ(figures.hits, 10U);
  EXPECT_EQ(figures.entries, 1U);
}

TEST_F(BitcodeCacheTest, SharesEqualProgramsWhateverTheirUris) {
  BitcodeCache cache(passing_loader());
  EXPECT_EQ(get(cache, make_benchmark("a", "program")), get(cache, make_benchmark("b", "program")));
  EXPECT_EQ(cache.figures().loads, 1U);
}

TEST_F(BitcodeCacheTest, HonoursAReplacedBenchmark) {
  BitcodeCache cache(passing_loader());
  EXPECT_EQ(get(cache, make_benchmark("a", "old"))->bitcode(), "old");
  EXPECT_EQ(get(cache, make_benchmark("a", "new"))->bitcode(), "new");
}

TEST_F(BitcodeCacheTest, TellsBenchmarksByHowTheyAreBuiltToo) {
  BitcodeCache cache(passing_loader());
  auto built = std::make_shared<Benchmark>(*make_benchmark("a", "program"));
  built->mutable_dynamic_config()->mutable_build_cmd()->add_argument("true");
  EXPECT_NE(get(cache, make_benchmark("a", "program")), get(cache, built));
  EXPECT_EQ(get(cache, built)->dynamic_config().build_cmd().argument(0), "true");
}

TEST_F(BitcodeCacheTest, ManyAtOnceLoadOnce) {
  constexpr int kCallers = 16;
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  BitcodeCache cache([&](const Benchmark& benchmark, std::string_view program) {
    released.wait();
    return passing_loader()(benchmark, program);
  });
  std::vector<std::future<std::shared_ptr<const LoadedBenchmark>>> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(std::async(std::launch::async,
                                 [&cache] { return get(cache, make_benchmark("a", "program")); }));
  }
  // One is in the loader and the others wait for it; none has an answer.
  testing::poll_until([&] { return cache.figures().hashed == kCallers; });
  EXPECT_EQ(cache.figures().loads, 1U);
  release.set_value();
  const auto first = testing::get_within_watchdog(std::move(callers.front()));
  for (int i = 1; i < kCallers; ++i) {
    EXPECT_EQ(testing::get_within_watchdog(std::move(callers[i])), first);
  }
  EXPECT_EQ(cache.figures().loads, 1U);
}

TEST_F(BitcodeCacheTest, ALoadDelaysNobodyWhoWantsAnother) {
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  BitcodeCache cache([&](const Benchmark& benchmark, std::string_view program) {
    if (program == "slow") {
      released.wait();
    }
    return passing_loader()(benchmark, program);
  });
  auto slow =
      std::async(std::launch::async, [&cache] { return get(cache, make_benchmark("s", "slow")); });
  testing::poll_until([&] { return cache.figures().loads == 1; });
  EXPECT_EQ(get(cache, make_benchmark("q", "quick"))->bitcode(), "quick");
  release.set_value();
  EXPECT_EQ(testing::get_within_watchdog(std::move(slow))->bitcode(), "slow");
}

TEST_F(BitcodeCacheTest, WhoWaitsForALoadLeavesItsThreadToOthers) {
  testing::Latch other_ran;
  BitcodeCache cache([&](const Benchmark& benchmark, std::string_view program) {
    other_ran.wait();
    return passing_loader()(benchmark, program);
  });
  testing::RecordingLogger logger;
  WorkerPool pool({.threads = 1}, logger);
  auto slow =
      std::async(std::launch::async, [&cache] { return get(cache, make_benchmark("s", "slow")); });
  testing::poll_until([&] { return cache.figures().loads == 1; });
  boost::asio::post(pool.executor(), [&] { get(cache, make_benchmark("s", "slow")); });
  boost::asio::post(pool.executor(), [&] { other_ran.arrive(); });
  EXPECT_EQ(testing::get_within_watchdog(std::move(slow))->bitcode(), "slow");
  pool.join();
  EXPECT_EQ(cache.figures().loads, 1U);
  EXPECT_EQ(logger.text(), "");
}

TEST_F(BitcodeCacheTest, AFailureIsForThoseWhoWaitedAndIsNotKept) {
  std::atomic<int> calls = 0;
  BitcodeCache cache(
      [&](const Benchmark& benchmark,
          std::string_view program) -> Result<std::shared_ptr<const LoadedBenchmark>> {
        if (++calls == 1) {
          return invalid_argument("not this time");
        }
        return passing_loader()(benchmark, program);
      });
  const auto benchmark = make_benchmark("a", "program");
  EXPECT_EQ(cache.get(benchmark).error().error_message(), "not this time");
  EXPECT_EQ(cache.figures().entries, 0U);
  EXPECT_EQ(get(cache, benchmark)->bitcode(), "program");
}

TEST_F(BitcodeCacheTest, AnExceptionOfTheLoaderIsAStatus) {
  BitcodeCache cache(
      [](const Benchmark&, std::string_view) -> Result<std::shared_ptr<const LoadedBenchmark>> {
        throw std::runtime_error("out of order");
      });
  EXPECT_EQ(cache.get(make_benchmark("a", "program")).error().error_message(),
            "Unhandled exception: out of order");
}

TEST_F(BitcodeCacheTest, EvictsTheLeastRecentlyUsed) {
  BitcodeCache cache(passing_loader(), {.max_benchmark_cache_bytes = 350'000});
  const auto a = make_benchmark("a", std::string(100'000, 'a'));
  const auto b = make_benchmark("b", std::string(100'000, 'b'));
  const auto c = make_benchmark("c", std::string(100'000, 'c'));
  const auto d = make_benchmark("d", std::string(100'000, 'd'));
  for (const auto& benchmark : {a, b, c, a, d}) {
    static_cast<void>(get(cache, benchmark));
  }
  EXPECT_EQ(cache.figures().entries, 3U);
  EXPECT_EQ(cache.figures().evictions, 1U);
  EXPECT_LE(cache.figures().size_in_bytes, 350'000U);
  EXPECT_EQ(cache.figures().loads, 4U);
  static_cast<void>(get(cache, a));
  EXPECT_EQ(cache.figures().loads, 4U) << "a was used after b and should be there";
  static_cast<void>(get(cache, b));
  EXPECT_EQ(cache.figures().loads, 5U) << "b should have gone";
}

TEST_F(BitcodeCacheTest, KeepsWhatASessionHoldsAndDropsItLater) {
  BitcodeCache cache(passing_loader(), {.max_benchmark_cache_bytes = 150'000});
  const auto a = make_benchmark("a", std::string(100'000, 'a'));
  auto held = get(cache, a);
  const std::weak_ptr<const LoadedBenchmark> watched = held;
  static_cast<void>(get(cache, make_benchmark("b", std::string(100'000, 'b'))));
  EXPECT_EQ(get(cache, a), held);
  EXPECT_EQ(cache.figures().loads, 2U);

  held.reset();
  static_cast<void>(get(cache, make_benchmark("c", std::string(100'000, 'c'))));
  EXPECT_TRUE(watched.expired());
  EXPECT_LE(cache.figures().size_in_bytes, 150'000U);
}

TEST_F(BitcodeCacheTest, KeepsAnEntryLargerThanItself) {
  BitcodeCache cache(passing_loader(), {.max_benchmark_cache_bytes = 10});
  const auto benchmark = make_benchmark("a", "a program of more than ten bytes");
  const auto held = get(cache, benchmark);
  EXPECT_EQ(get(cache, benchmark), held);
  EXPECT_EQ(cache.figures().loads, 1U);
}

TEST_F(BitcodeCacheTest, ForgetsBenchmarksThatAreGone) {
  BitcodeCache cache(passing_loader());
  for (int i = 0; i < 1000; ++i) {
    // The same address again and again, most likely, and never the same object.
    EXPECT_EQ(get(cache, make_benchmark("a", "program " + std::to_string(i % 3)))->bitcode(),
              "program " + std::to_string(i % 3));
  }
  EXPECT_EQ(cache.figures().hashed, 1000U);
  EXPECT_EQ(cache.figures().loads, 3U);
}

class BitcodeCacheFileTest : public BitcodeCacheTest {
 protected:
  BitcodeCacheFileTest() { boost::filesystem::create_directories(directory_); }
  ~BitcodeCacheFileTest() override { boost::filesystem::remove_all(directory_); }

  std::string path() const { return (directory_ / "program.bc").string(); }
  void write(const std::string& bytes) const { std::ofstream(path(), std::ios::binary) << bytes; }

  static std::shared_ptr<const Benchmark> with_uri(const std::string& uri) {
    auto benchmark = std::make_shared<Benchmark>();
    benchmark->set_uri("benchmark://file");
    benchmark->mutable_program()->set_uri(uri);
    return benchmark;
  }

  const boost::filesystem::path directory_ =
      boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
  BitcodeCache cache_{passing_loader()};
};

TEST_F(BitcodeCacheFileTest, ReadsAFileOnceUntilItChanges) {
  write("first");
  const auto benchmark = with_uri("file:///" + path());
  EXPECT_EQ(get(cache_, benchmark)->bitcode(), "first");
  EXPECT_EQ(get(cache_, benchmark)->bitcode(), "first");
  EXPECT_EQ(cache_.figures().hashed, 1U);
  write("second one");
  EXPECT_EQ(get(cache_, benchmark)->bitcode(), "second one");
  EXPECT_EQ(cache_.figures().hashed, 2U);
}

TEST_F(BitcodeCacheFileTest, AFileThatGoesAwayIsNotFound) {
  write("first");
  const auto benchmark = with_uri("file:///" + path());
  EXPECT_EQ(get(cache_, benchmark)->bitcode(), "first");
  boost::filesystem::remove(path());
  EXPECT_EQ(cache_.get(benchmark).error().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(BitcodeCacheFileTest, RefusesWhatIsNoProgram) {
  const grpc::Status scheme = cache_.get(with_uri("https://somewhere/else")).error();
  EXPECT_EQ(scheme.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(scheme.error_message(),
            "Invalid benchmark data URI. Only the file:/// scheme is supported: "
            "\"https://somewhere/else\"");

  auto nothing = std::make_shared<Benchmark>();
  nothing->set_uri("benchmark://nothing");
  const grpc::Status unset = cache_.get(nothing).error();
  EXPECT_EQ(unset.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(unset.error_message(), ::testing::StartsWith("No program set in Benchmark:"));
}

TEST_F(BitcodeCacheFileTest, AFileOutsideOfTheRootsIsRefused) {
  write("program");
  boost::filesystem::create_directories(directory_ / "root");
  BitcodeCache cache(passing_loader(),
                     {.benchmark_roots = value_of(BenchmarkRoots::resolve({directory_ / "root"}))});
  const grpc::Status status = cache.get(with_uri("file:///" + path())).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              ::testing::StartsWith("File is outside of the benchmark roots "));
  EXPECT_EQ(cache.figures().loads, 0U);
}

}  // namespace
}  // namespace compiler_gym

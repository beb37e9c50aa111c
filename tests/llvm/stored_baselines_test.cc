// Baselines are computed once per program, over restarts too.
#include "sessions/llvm/costs/stored_baselines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem.hpp>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/support/logger.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/support/another_process.h"

namespace compiler_gym {
namespace {

StoredBaselines::Key key_of(std::uint8_t first, std::uint8_t last = 0) {
  StoredBaselines::Key key{};
  key.front() = first;
  key.back() = last;
  return key;
}

class StoredBaselinesTest : public ::testing::Test {
 protected:
  StoredBaselinesTest() { boost::filesystem::create_directories(directory_); }
  ~StoredBaselinesTest() override { boost::filesystem::remove_all(directory_); }

  // Changes a byte of the file.
  void damage(std::streamoff at) const {
    std::fstream file(stored_.file().string(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 1));
  }

  const boost::filesystem::path directory_ =
      boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
  const StoredBaselines stored_{directory_ / "baselines"};
};

TEST_F(StoredBaselinesTest, WhatOneStoresAnotherFinds) {
  EXPECT_EQ(stored_.find(key_of(1)), std::nullopt) << "there is no file";
  stored_.store(key_of(1), 42);
  stored_.store(key_of(2), -7);
  const StoredBaselines later(stored_.file());
  EXPECT_EQ(later.find(key_of(1)), 42);
  EXPECT_EQ(later.find(key_of(2)), -7);
  EXPECT_EQ(later.find(key_of(3)), std::nullopt);
  EXPECT_EQ(testing::in_another_process([&] { return static_cast<int>(*stored_.find(key_of(1))); }),
            42);
}

TEST_F(StoredBaselinesTest, OneThatFallsOnTheSamePlaceTakesIt) {
  stored_.store(key_of(1, 1), 10);
  stored_.store(key_of(1, 2), 20);
  EXPECT_EQ(stored_.find(key_of(1, 1)), std::nullopt);
  EXPECT_EQ(stored_.find(key_of(1, 2)), 20);
  EXPECT_LE(boost::filesystem::file_size(stored_.file()), StoredBaselines::kEntries * 64);
}

TEST_F(StoredBaselinesTest, WhatIsDamagedCountsAsNotKnown) {
  for (const std::streamoff at : {0, 33, 41}) {  // key, value, check sum
    stored_.store(key_of(0), 5);
    stored_.store(key_of(1), 6);
    damage(at);
    EXPECT_EQ(stored_.find(key_of(0)), std::nullopt) << at;
    EXPECT_EQ(stored_.repair(), 1U) << at;
    EXPECT_EQ(stored_.repair(), 0U) << at;
    EXPECT_EQ(stored_.find(key_of(1)), 6) << at;
  }
}

TEST_F(StoredBaselinesTest, AFileThatEndsInAnEntryIsReadUpToThere) {
  stored_.store(key_of(1), 6);
  boost::filesystem::resize_file(stored_.file(), 64 + 20);
  EXPECT_EQ(stored_.find(key_of(1)), std::nullopt);
  EXPECT_EQ(stored_.repair(), 0U);
}

TEST_F(StoredBaselinesTest, FollowsNoLink) {
  boost::filesystem::create_symlink(directory_ / "elsewhere", stored_.file());
  stored_.store(key_of(1), 6);
  EXPECT_FALSE(boost::filesystem::exists(directory_ / "elsewhere"));
}

class RememberingLogger final : public Logger {
 public:
  RememberingLogger() : Logger(LogLevel::kError) {}
  std::vector<std::string> lines;

 private:
  void write(LogLevel /*level*/, std::string_view line) override { lines.emplace_back(line); }
};

class BaselinesOverRestartsTest : public StoredBaselinesTest {
 protected:
  std::int64_t baseline(const std::string& bitcode, Cost cost, Baseline level,
                        Logger* logger = nullptr) const {
    LlvmServiceContext context(directory_, {.logger = logger});
    EXPECT_TRUE(context.init().ok());
    const auto loaded = context.bitcode_cache().get(make_benchmark("benchmark://test/x", bitcode));
    EXPECT_TRUE(loaded.has_value());
    return *(*loaded)->baseline_cost(level, cost, context.cost_model(), {});
  }
  // The only number in the file, wherever it lies: changed, with its check sum right.
  void forge(std::int64_t value) const {
    std::string bytes = read_file((directory_ / "baselines.v1").string());
    const std::size_t at = bytes.find_first_not_of('\0') / 64 * 64;
    StoredBaselines::Key key{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), key.size(), key.begin());
    StoredBaselines(directory_ / "baselines.v1").store(key, value);
  }
};

TEST_F(BaselinesOverRestartsTest, AreNotComputedAgain) {
  const std::string program = crc32_bitcode();
  const std::int64_t computed = baseline(program, Cost::kIrInstructionCount, Baseline::kOz);
  EXPECT_EQ(baseline(program, Cost::kIrInstructionCount, Baseline::kOz), computed);
  forge(12345);
  EXPECT_EQ(baseline(program, Cost::kIrInstructionCount, Baseline::kOz), 12345);
  // Another number, and another program, are another key.
  EXPECT_NE(baseline(program, Cost::kIrInstructionCount, Baseline::kO3), 12345);
  EXPECT_NE(baseline(start_bitcode("sorting"), Cost::kIrInstructionCount, Baseline::kOz), 12345);
}

TEST_F(BaselinesOverRestartsTest, DamagedOnesAreComputedAgainAndTheOperatorIsTold) {
  const std::string program = crc32_bitcode();
  const std::int64_t computed = baseline(program, Cost::kShippedTextSize, Baseline::kOz);
  const std::string path = (directory_ / "baselines.v1").string();
  std::string bytes = read_file(path);
  bytes[bytes.find_first_not_of('\0') / 64 * 64 + 32] ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  RememberingLogger logger;
  EXPECT_EQ(baseline(program, Cost::kShippedTextSize, Baseline::kOz, &logger), computed);
  EXPECT_THAT(logger.lines, ::testing::ElementsAre(::testing::HasSubstr("1 damaged entries")));
}

}  // namespace
}  // namespace compiler_gym

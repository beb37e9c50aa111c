#include "sessions/llvm/run/run_counts.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace compiler_gym {
namespace {

struct CountRow {
  std::string name;
  std::string default_value;
  int minimum;
};

class RunCountsTest : public ::testing::TestWithParam<CountRow> {
 protected:
  std::string get() {
    std::optional<std::string> reply;
    EXPECT_TRUE(handle_count_parameter("llvm.get_" + GetParam().name, "", counts_, reply).ok());
    return reply.value_or("unset");
  }

  grpc::Status set(const std::string& value, std::optional<std::string>& reply) {
    return handle_count_parameter("llvm.set_" + GetParam().name, value, counts_, reply);
  }

  RunCounts counts_;
};

TEST_P(RunCountsTest, HasItsDefault) {
  EXPECT_EQ(get(), GetParam().default_value);
}

TEST_P(RunCountsTest, IsSetAndReplied) {
  std::optional<std::string> reply;
  EXPECT_TRUE(set("10", reply).ok());
  EXPECT_EQ(reply, "10");
  EXPECT_EQ(get(), "10");
  EXPECT_TRUE(set(std::to_string(GetParam().minimum), reply).ok());
}

TEST_P(RunCountsTest, BelowTheMinimumIsRefused) {
  for (const int value : {GetParam().minimum - 1, -5}) {
    std::optional<std::string> reply;
    const grpc::Status status = set(std::to_string(value), reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), GetParam().name +
                                          " must be >= " + std::to_string(GetParam().minimum) +
                                          ". Received: " + std::to_string(value));
    EXPECT_EQ(get(), GetParam().default_value);
  }
}

TEST_P(RunCountsTest, WhatIsNoNumberIsRefused) {
  for (const char* value : {"", "three", "3x", " 3", "99999999999999999999", "1.5"}) {
    std::optional<std::string> reply;
    const grpc::Status status = set(value, reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), "llvm.set_" + GetParam().name + " must be an integer >= " +
                                          std::to_string(GetParam().minimum) + ". Received: \"" +
                                          value + "\"");
    EXPECT_EQ(get(), GetParam().default_value);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RunCountsTest,
                         ::testing::Values(CountRow{"runtimes_per_observation_count", "1", 1},
                                           CountRow{"warmup_runs_count_per_runtime_observation",
                                                    "0", 0},
                                           CountRow{"buildtimes_per_observation_count", "1", 1},
                                           CountRow{"min_runs_per_measurement", "10", 1},
                                           CountRow{"min_milliseconds_per_measurement", "1000", 0}),
                         [](const auto& instance) { return instance.param.name; });

TEST(RunCountsKeysTest, OthersAreNotOurs) {
  RunCounts counts;
  for (const char* key :
       {"", "llvm.set_", "llvm.get_something", "llvm.runtimes_per_observation_count",
        "service.benchmark_cache.get_size_in_bytes"}) {
    std::optional<std::string> reply;
    EXPECT_TRUE(handle_count_parameter(key, "1", counts, reply).ok()) << key;
    EXPECT_EQ(reply, std::nullopt) << key;
  }
}

}  // namespace
}  // namespace compiler_gym

// What a service may use of the machine's memory, and what its bounds are of that.
#include "async_server/memory_budget.h"

#include <gmock/gmock.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <string>

#include "async_server/internal/byte_size.h"
#include "async_server/server.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using internal::format_bytes;
using internal::parse_bytes;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

// ------------------------------------------------------------------------------------------- sizes

TEST(ByteSizeTest, ReadsNumbersAndSuffixes) {
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("1000"), 1000U);
  EXPECT_EQ(parse_bytes("3k"), 3U << 10);
  EXPECT_EQ(parse_bytes("512M"), 512 * kMiB);
  EXPECT_EQ(parse_bytes("8G"), 8 * kGiB);
  EXPECT_EQ(parse_bytes("2t"), 2048 * kGiB);
  EXPECT_EQ(parse_bytes("16777215T"), std::uint64_t{16777215} << 40);
}

TEST(ByteSizeTest, ReadsNothingElse) {
  for (const char* text : {"", "K", "-1", "+1", " 1", "1 ", "1.5G", "1GB", "1 G", "1E", "0x10",
                           "16777216T", "18446744073709551616"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
}

TEST(ByteSizeTest, WritesThemInTheLargestUnit) {
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1023), "1023");
  EXPECT_EQ(format_bytes(1024), "1K");
  EXPECT_EQ(format_bytes(256 * kMiB), "256M");
  EXPECT_EQ(format_bytes(4 * kGiB), "4G");
  EXPECT_EQ(format_bytes(4 * kGiB - 100 * kMiB), "3.9G");
}

// ------------------------------------------------------------------------------------------ bounds

TEST(MemoryBudgetTest, HalfOfALargeMachineHasTheDefaultsOfTheServer) {
  const ServerOptions server;
  const MemoryBounds expected{
      .max_benchmark_cache_bytes = server.context.max_benchmark_cache_bytes,
      .state_graph_bytes = server.context.state_graph_bytes,
      .max_templates = server.isolation.max_templates,
      .max_idle_bytes = server.isolation.recycle.max_idle_bytes,
      .max_bytes_in_flight = server.max_bytes_in_flight,
      .max_grpc_memory = server.max_grpc_memory,
      .max_unread_bytes = server.max_unread_bytes,
      .max_reply_size = server.sessions.max_reply_bytes,
      .max_executor_bytes = server.sessions.max_executor_bytes,
      .sandbox_memory = 4 * kGiB,
  };
  EXPECT_EQ(derive_memory_bounds(12 * kGiB + 512 * kMiB), expected);
  MemoryBounds of_more = expected;
  of_more.max_executor_bytes = 500 * kGiB;
  EXPECT_EQ(derive_memory_bounds(500 * kGiB), of_more) << "more would serve nobody else";
  EXPECT_EQ(derive_memory_bounds(default_memory_budget(std::nullopt)), expected);
}

TEST(MemoryBudgetTest, KeepsAndThenSharesWhatIsOnItsWay) {
  const MemoryBounds bounds = derive_memory_bounds(1 * kGiB);
  EXPECT_EQ(bounds.max_benchmark_cache_bytes, 128 * kMiB);
  EXPECT_EQ(bounds.max_templates, 5U);
  EXPECT_EQ(bounds.max_idle_bytes, 128 * kMiB);
  EXPECT_EQ(bounds.state_graph_bytes, 128 * kMiB);
  // 1024 MiB less 2 * 128 for benchmarks, 128 for the state graph and 5 * 24 for templates are 520.
  EXPECT_EQ(bounds.max_bytes_in_flight, 520 * kMiB / 5 * 2);
  EXPECT_EQ(bounds.max_grpc_memory, 520 * kMiB / 5 * 2);
  EXPECT_EQ(bounds.max_unread_bytes, 520 * kMiB / 5);
  EXPECT_EQ(bounds.max_reply_size, bounds.max_unread_bytes);
  EXPECT_EQ(bounds.sandbox_memory, 1 * kGiB) << "the compiler's libraries are address space too";
}

TEST(MemoryBudgetTest, TheCacheHasCompilerGymsSizeFromTwoGibibytesOn) {
  EXPECT_EQ(derive_memory_bounds(2 * kGiB).max_benchmark_cache_bytes, 268'435'456U);
  EXPECT_LT(derive_memory_bounds(2 * kGiB - 8).max_benchmark_cache_bytes, 268'435'456U);
}

TEST(MemoryBudgetTest, TheBoundsTogetherAreNeverMoreThanTheBudget) {
  for (std::uint64_t budget = kMinMemoryBudget; budget <= 32 * kGiB; budget += 61 * kMiB) {
    const MemoryBounds bounds = derive_memory_bounds(budget);
    EXPECT_LE(2 * bounds.max_benchmark_cache_bytes + bounds.state_graph_bytes +
                  bounds.max_templates * 24 * kMiB + bounds.max_bytes_in_flight +
                  bounds.max_grpc_memory + bounds.max_unread_bytes,
              budget);
    EXPECT_GE(bounds.max_templates, 1U);
    EXPECT_GE(bounds.max_unread_bytes, 16 * kMiB) << "the largest reply has to fit";
  }
}

// ------------------------------------------------------------------------------- what is available

/// A directory with proc/ and sys/ of a machine of 8 GiB.
class AvailableMemoryTest : public ::testing::Test {
 protected:
  AvailableMemoryTest() {
    write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          100000 kB\n");
  }
  ~AvailableMemoryTest() override { fs::remove_all(root_); }

  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    fs::ofstream(root_ / file) << text;
  }
  std::optional<std::uint64_t> available() const { return available_memory(root_); }

  const fs::path root_ = fs::temp_directory_path() / fs::unique_path("memory_%%%%%%%%");
};

TEST_F(AvailableMemoryTest, IsTheMachinesWithoutAGroup) {
  EXPECT_EQ(available(), 8 * kGiB);
}

TEST_F(AvailableMemoryTest, IsTheGroupsWhereThatIsLess) {
  write("proc/self/cgroup", "0::/system.slice/a.service\n");
  write("sys/fs/cgroup/system.slice/a.service/memory.max", "3221225472\n");
  EXPECT_EQ(available(), 3 * kGiB);
}

TEST_F(AvailableMemoryTest, IsTheLeastOfTheGroupsAround) {
  write("proc/self/cgroup", "0::/system.slice/a.service\n");
  write("sys/fs/cgroup/system.slice/a.service/memory.max", "max\n");
  write("sys/fs/cgroup/system.slice/memory.max", "2147483648\n");
  write("sys/fs/cgroup/memory.max", "4294967296\n");
  EXPECT_EQ(available(), 2 * kGiB);
}

TEST_F(AvailableMemoryTest, FindsTheLimitOfAContainerThatIsTheRootOfItsOwn) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "1073741824\n");
  EXPECT_EQ(available(), 1 * kGiB);
}

TEST_F(AvailableMemoryTest, KnowsVersionOneAndPathsThatAreNotThere) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/x\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1610612736\n");
  write("sys/fs/cgroup/memory.max", "1\n");  // not of this hierarchy
  EXPECT_EQ(available(), 1536 * kMiB);
}

TEST_F(AvailableMemoryTest, TakesNoLimitForNone) {
  write("proc/self/cgroup", "4:memory:/\n0::/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(available(), 8 * kGiB);
}

TEST_F(AvailableMemoryTest, IsUnknownWhereNothingSaysIt) {
  write("proc/meminfo", "");
  EXPECT_EQ(available(), std::nullopt);
}

TEST_F(AvailableMemoryTest, HalfOfItIsTheBudgetButNotLessThanAServiceNeeds) {
  EXPECT_EQ(default_memory_budget(available()), 4 * kGiB);
  EXPECT_EQ(default_memory_budget(300 * kMiB), kMinMemoryBudget);
}

}  // namespace
}  // namespace compiler_gym::testing

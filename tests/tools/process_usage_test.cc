#include "tools/support/process_usage.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;

constexpr const char* kStatus =
    "Name:\tservice\nVmPeak:\t  999999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"
    "Threads:\t7\nvoluntary_ctxt_switches:\t1\n";

TEST(ProcessUsageTest, CountsStatFieldsFromTheEndOfTheProcessName) {
  // The name, in parentheses, may hold spaces and parentheses itself.
  const auto usage = internal::parse_process_usage(
      "42 (a name) 1 2 (x) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 7 0 100 1 1", kStatus,
      /*ticks_per_second=*/100);
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_EQ(usage->user_cpu, 2500ms);
  EXPECT_EQ(usage->system_cpu, 500ms);
  EXPECT_EQ(usage->cpu(), 3s);
  EXPECT_EQ(usage->children_cpu, 180ms);
  EXPECT_EQ(usage->rss_bytes, 1024 * 1024);
  EXPECT_EQ(usage->peak_rss_bytes, 2048 * 1024);
  EXPECT_EQ(usage->threads, 7);
}

TEST(ProcessUsageTest, RejectsTextsWithoutTheFields) {
  EXPECT_FALSE(internal::parse_process_usage("42 (name) S 1 42", kStatus, 100));
  EXPECT_FALSE(internal::parse_process_usage(
      "42 (name) Z 1 42 42 0 -1 4194560 100 0 0 0 250 50 9 9 20", "Name:\tzombie\n", 100));
}

TEST(ProcessUsageTest, ReadsThisProcess) {
  const auto usage = read_process_usage(getpid());
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_GT(usage->rss_bytes, 100'000);
  EXPECT_GE(usage->peak_rss_bytes, usage->rss_bytes / 2);
  EXPECT_GE(usage->threads, 1);
}

TEST(ProcessUsageTest, ReportsAProcessThatDoesNotExist) {
  const auto usage = read_process_usage(std::numeric_limits<pid_t>::max());
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ProcessUsageTest, TreeCpuHasThatOfChildrenLivingAndReaped) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const auto before = read_process_tree_cpu(getpid());
  const pid_t child = fork();
  if (child == 0) {
    const auto began = read_process_tree_cpu(getpid());
    while (read_process_tree_cpu(getpid()) - began < 50ms) {
    }
    static_cast<void>(write(ready[1], "x", 1));
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_GE(read_process_tree_cpu(getpid()) - before, 50ms);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_GE(read_process_tree_cpu(getpid()) - before, 20ms);  // of 50, less what ticks round down
  close(ready[0]);
  close(ready[1]);
}

TEST(ProcessUsageTest, TreeMemoryHasThatOfChildren) {
  constexpr std::size_t kBytes = 32 << 20;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const std::uint64_t before = read_process_tree_memory(getpid());
  EXPECT_GT(before, 100'000);
  const pid_t child = fork();
  if (child == 0) {
    void* const pages = malloc(kBytes);
    memset(pages, 1, kBytes);
    static_cast<void>(write(ready[1], pages, 1));
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  // Of pages that processes beside these share, the part is another from moment to moment.
  EXPECT_GE(read_process_tree_memory(getpid()), before + kBytes / 4 * 3);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_LT(read_process_tree_memory(getpid()), before + kBytes / 4);
  close(ready[0]);
  close(ready[1]);
}

TEST(ProcessUsageTest, NothingWasUsedByAProcessThatDoesNotExist) {
  EXPECT_EQ(read_process_tree_cpu(std::numeric_limits<pid_t>::max()), 0ns);
  EXPECT_EQ(read_process_tree_memory(std::numeric_limits<pid_t>::max()), 0);
}

}  // namespace
}  // namespace compiler_gym

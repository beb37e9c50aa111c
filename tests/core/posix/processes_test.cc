#include "core/posix/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/posix/process_mark.h"
#include "tests/support/another_process.h"
#include "tests/support/sanitized.h"

namespace compiler_gym {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

/// A child of the test with a child of its own; both wait to be killed.
class ProcessesTest : public ::testing::Test {
 protected:
  ProcessesTest() {
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_NAME, "a) R 1\n(b");
      fork();
      for (;;) {
        pause();
      }
    }
    while (grandchild_ == 0) {
      const std::vector<pid_t> tree = process_tree(child_);
      grandchild_ = tree.size() == 2 ? tree.back() : 0;
    }
  }
  ~ProcessesTest() override {
    kill(grandchild_, SIGKILL);
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

  pid_t child_ = 0;
  pid_t grandchild_ = 0;
};

TEST(ProcFileTest, WhatOpensButCantBeReadIsEmpty) {
  EXPECT_EQ(read_proc_file("/proc"), "");
  EXPECT_NE(read_proc_file("/proc/self/stat"), "");
}

TEST_F(ProcessesTest, AreFoundWhateverTheirNames) {
  EXPECT_THAT(all_processes(), Contains(getpid()));
  EXPECT_THAT(all_processes(), Contains(child_));
  EXPECT_EQ(parent_of(child_), getpid());
  EXPECT_EQ(parent_of(grandchild_), child_);
  EXPECT_EQ(parent_of(getpid()), getppid());
}

TEST_F(ProcessesTest, ATreeBeginsAtItsRoot) {
  EXPECT_THAT(process_tree(getpid()), ElementsAre(getpid(), child_, grandchild_));
}

TEST_F(ProcessesTest, AProcessThatIsGoneHasNoParent) {
  const pid_t gone = fork();
  if (gone == 0) {
    _exit(0);
  }
  waitpid(gone, nullptr, 0);
  EXPECT_EQ(parent_of(gone), 0);
  EXPECT_THAT(process_tree(gone), ElementsAre(gone));
}

TEST_F(ProcessesTest, AStartTimeIsTheProcesssOwn) {
  EXPECT_GT(start_time_of(child_), 0U);
  EXPECT_EQ(start_time_of(child_), start_time_of(child_));
  EXPECT_LE(start_time_of(getpid()), start_time_of(child_));
  EXPECT_LE(start_time_of(child_), start_time_of(grandchild_));
}

TEST_F(ProcessesTest, OneIsKilledOnlyIfItIsMeant) {
  EXPECT_FALSE(kill_if(grandchild_, [](pid_t) { return false; }));
  int looks = 0;
  EXPECT_FALSE(kill_if(grandchild_, [&](pid_t) { return ++looks == 1; }))
      << "it has become another meanwhile";
  EXPECT_EQ(parent_of(grandchild_), child_);
  EXPECT_TRUE(kill_if(grandchild_, [&](pid_t pid) { return parent_of(pid) == child_; }));
}

// What is run in another process ends with 0 if all is well.
TEST(ChildrenTest, AreAllKilledWithWhatTheyLeave) {
  EXPECT_EQ(testing::in_another_process([] {
              prctl(PR_SET_CHILD_SUBREAPER, 1);
              for (int i = 0; i < 3; ++i) {
                if (fork() == 0) {
                  setsid();
                  if (fork() == 0) {
                    signal(SIGTERM, SIG_IGN);
                  }
                  for (;;) {
                    pause();
                  }
                }
              }
              while (process_tree(getpid()).size() < 7) {
              }
              const std::size_t ended = kill_children(std::chrono::seconds(60)).size();
              return ended == 6 && process_tree(getpid()).size() == 1 ? 0 : 1;
            }),
            0);
}

TEST(ChildrenTest, ThoseThatAreSparedStay) {
  EXPECT_EQ(testing::in_another_process([] {
              const auto waiting = [] {
                const pid_t child = fork();
                while (child == 0) {
                  pause();
                }
                return child;
              };
              const pid_t spared = waiting();
              const pid_t other = waiting();
              const std::vector<EndedChild> ended =
                  kill_children(std::chrono::seconds(60), {spared});
              const bool right = ended.size() == 1 && ended.front().pid == other &&
                                 WTERMSIG(ended.front().status) == SIGKILL &&
                                 parent_of(spared) == getpid();
              kill(spared, SIGKILL);
              return right ? 0 : 1;
            }),
            0);
}

TEST(ChildrenTest, AreOfCommandsWhereOrphansComeToAProcessOfOneThread) {
  EXPECT_EQ(testing::in_another_process([] { return children_are_of_commands() ? 1 : 0; }), 0);
  if (!testing::kThreadSanitized) {
    EXPECT_EQ(testing::in_another_process([] {
                prctl(PR_SET_CHILD_SUBREAPER, 1);
                return children_are_of_commands() ? 0 : 1;
              }),
              0);
  }
  EXPECT_EQ(testing::in_another_process([] {
              prctl(PR_SET_CHILD_SUBREAPER, 1);
              std::jthread other([](const std::stop_token& stop) {
                while (!stop.stop_requested()) {
                  std::this_thread::yield();
                }
              });
              return children_are_of_commands() ? 1 : 0;
            }),
            0);
}

TEST(ProcessMarkTest, WhatBearsItIsKilledWhereverItHasGone) {
  EXPECT_EQ(testing::in_another_process([] {
              prctl(PR_SET_CHILD_SUBREAPER, 1);
              const std::string mark = new_process_mark();
              const auto sleeper = [](const std::string& with) {
                const pid_t child = fork();
                if (child == 0) {
                  setsid();
                  const std::string entry = std::string(kProcessMark) + "=" + with;
                  execle("/bin/sleep", "sleep", "600", nullptr,
                         std::array<const char*, 2>{entry.c_str(), nullptr}.data());
                }
                return child;
              };
              const pid_t marked = sleeper(mark);
              const pid_t other = sleeper(new_process_mark());
              int status = 0;
              while (waitpid(marked, &status, WNOHANG) == 0) {
                kill_marked(mark, 0);
              }
              const bool spared = waitpid(other, nullptr, WNOHANG) == 0;
              while (waitpid(other, nullptr, WNOHANG) == 0) {
                kill_marked(process_marks_of(getpid()), marked - 1);
              }
              return spared && WTERMSIG(status) == SIGKILL ? 0 : 1;
            }),
            0);
}

TEST(OwnMemoryTest, GrowsByWhatIsWrittenTo) {
  constexpr std::size_t kSize = std::size_t{64} << 20;
  const std::uint64_t before = own_memory_in_bytes();
  EXPECT_GT(before, 100'000U);
  const std::vector<char> written(kSize, 'x');
  EXPECT_GT(own_memory_in_bytes(), before + kSize / 2);
  EXPECT_LT(own_memory_in_bytes(), before + 2 * kSize);
}

}  // namespace
}  // namespace compiler_gym

#include "core/posix/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

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

}  // namespace
}  // namespace compiler_gym

#include "core/posix/inherited_state.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/support/another_process.h"

namespace compiler_gym {
namespace {

using testing::in_another_process;
// What a child that ends with 7 is known to have ended with; 100 if nobody knows.
int status_of_a_child() {
  const pid_t child = fork();
  if (child == 0) {
    _exit(7);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 100;
}

TEST(InheritedStateTest, AnIgnoredSigchldLosesTheStatusesOfChildren) {
  EXPECT_EQ(in_another_process([] {
              signal(SIGCHLD, SIG_IGN);
              return status_of_a_child();
            }),
            100)
      << "what the next test is about";
}

TEST(InheritedStateTest, ChildrenAreHeardOfInSpiteOfWhoStartedUs) {
  EXPECT_EQ(in_another_process([] {
              signal(SIGCHLD, SIG_IGN);
              return reset_inherited_signals().ok() ? status_of_a_child() : 101;
            }),
            7);
}

TEST(InheritedStateTest, SignalsThatWereIgnoredOrBlockedReachUsAgain) {
  EXPECT_EQ(in_another_process([] {
              sigset_t all;
              sigfillset(&all);
              sigprocmask(SIG_SETMASK, &all, nullptr);
              signal(SIGTERM, SIG_IGN);
              if (!reset_inherited_signals().ok()) {
                return 101;
              }
              raise(SIGTERM);
              return 0;
            }),
            -SIGTERM);
}

TEST(InheritedStateTest, WritingToNobodyIsAnErrorAndNoSignal) {
  EXPECT_EQ(in_another_process([] {
              signal(SIGPIPE, SIG_DFL);
              int ends[2];
              if (!reset_inherited_signals().ok() || pipe(ends) != 0) {
                return 101;
              }
              close(ends[0]);
              return write(ends[1], "x", 1) < 0 && errno == EPIPE ? 0 : 1;
            }),
            0);
}

TEST(InheritedStateTest, AFileAtItsLimitOfSizeIsAnErrorAndNoSignal) {
  EXPECT_EQ(in_another_process([] {
              const rlimit nothing{.rlim_cur = 0, .rlim_max = 0};
              std::FILE* const file = std::tmpfile();
              if (!reset_inherited_signals().ok() || file == nullptr ||
                  setrlimit(RLIMIT_FSIZE, &nothing) != 0) {
                return 101;
              }
              return write(fileno(file), "x", 1) < 0 && errno == EFBIG ? 0 : 1;
            }),
            0);
}

TEST(InheritedStateTest, TheSoftLimitOfDescriptorsBecomesTheHardOne) {
  EXPECT_EQ(in_another_process([] {
              const rlimit low{.rlim_cur = 64, .rlim_max = 128};
              if (setrlimit(RLIMIT_NOFILE, &low) != 0) {
                return 101;
              }
              const Result<rlim_t> raised = raise_descriptor_limit();
              rlimit present{};
              getrlimit(RLIMIT_NOFILE, &present);
              return raised && *raised == 128 && present.rlim_cur == 128 ? 0 : 1;
            }),
            0);
}

TEST(InheritedStateTest, AllDescriptorsButTheKeptOneAreClosed) {
  EXPECT_EQ(in_another_process([] {
              const int kept = open("/dev/null", O_RDONLY);
              const int low = kept > STDERR_FILENO + 1 ? kept - 1 : dup(kept);
              const int high = fcntl(kept, F_DUPFD, 100);
              close_descriptors_except(kept);
              const auto is_open = [](int fd) { return fcntl(fd, F_GETFD) >= 0; };
              return is_open(kept) && !is_open(low) && !is_open(high) && is_open(STDERR_FILENO) ? 0
                                                                                                : 1;
            }),
            0);
}

}  // namespace
}  // namespace compiler_gym

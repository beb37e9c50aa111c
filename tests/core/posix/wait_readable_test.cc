#include "core/posix/wait_readable.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/filesystem.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>

#include "core/posix/file_descriptor.h"
#include "core/posix/pidfd.h"
#include "core/posix/process_end.h"
#include "core/posix/processes.h"
#include "core/posix/termination.h"
#include "tests/support/another_process.h"
#include "tests/support/sanitized.h"

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    read_end = FileDescriptor(ends[0]);
    write_end = FileDescriptor(ends[1]);
  }
  FileDescriptor read_end, write_end;
};

bool allow_no_descriptors() {
  const rlimit none{0, 0};
  return setrlimit(RLIMIT_NOFILE, &none) == 0;
}

pid_t make_sleeper() {
  const pid_t child = fork();
  while (child == 0) {
    pause();
  }
  return child;
}

// Where a process that waits the wrong way would do so for ever.
int within_a_minute(const std::function<int()>& function) {
  return testing::in_another_process([&] {
    alarm(60);
    return function();
  });
}

struct LimitRow {
  const char* name;
  bool limited;
};

class WaitReadableTest : public ::testing::TestWithParam<LimitRow> {
 protected:
  static int run(const std::function<bool()>& function) {
    return within_a_minute([&] {
      const bool ready = !GetParam().limited || allow_no_descriptors();
      return ready && function() ? 0 : 1;
    });
  }
};

TEST_P(WaitReadableTest, SaysWhichCanBeRead) {
  const Pipe idle;
  const Pipe written;
  ASSERT_EQ(write(written.write_end.get(), "x", 1), 1);
  EXPECT_EQ(run([&] {
              std::array<pollfd, 3> events{{{idle.read_end.get(), POLLIN, 0},
                                            {-1, POLLIN, 0},
                                            {written.read_end.get(), POLLIN, 0}}};
              return wait_readable(events, kForever) == 1 && events[0].revents == 0 &&
                     events[1].revents == 0 && events[2].revents == POLLIN;
            }),
            0);
}

TEST_P(WaitReadableTest, AnEndOfFileCanBeRead) {
  Pipe pipe;
  pipe.write_end.reset();
  EXPECT_EQ(run([&] {
              pollfd event{pipe.read_end.get(), POLLIN, 0};
              return wait_readable({&event, 1}, kForever) == 1 && event.revents != 0;
            }),
            0);
}

TEST_P(WaitReadableTest, AnEndedProcessIsOne) {
  EXPECT_EQ(within_a_minute([] {
              const pid_t child = make_sleeper();
              const FileDescriptor process(pidfd_open(child, 0));
              if (GetParam().limited && !allow_no_descriptors()) {
                return 1;
              }
              pollfd event{process.get(), POLLIN, 0};
              const bool lives = wait_readable({&event, 1}, 0ms) == 0 && event.revents == 0;
              kill(child, SIGKILL);
              const bool ended = wait_readable({&event, 1}, kForever) == 1;
              return lives && ended ? 0 : 2;
            }),
            0);
}

TEST_P(WaitReadableTest, WaitsNoLongerThanItMay) {
  const Pipe pipe;
  EXPECT_EQ(run([&] {
              std::array<pollfd, 2> events{{{pipe.read_end.get(), POLLIN, 0}, {-1, POLLIN, 0}}};
              const auto start = std::chrono::steady_clock::now();
              const int ready = wait_readable(events, 20ms);
              return ready == 0 && std::chrono::steady_clock::now() - start >= 20ms;
            }),
            0);
}

TEST_P(WaitReadableTest, AHighNumberIsOneLikeAnother) {
  const Pipe pipe;
  const FileDescriptor high(fcntl(pipe.read_end.get(), F_DUPFD_CLOEXEC, 1500));
  if (!high) {
    GTEST_SKIP() << "no more than 1500 descriptors are allowed here";
  }
  ASSERT_EQ(write(pipe.write_end.get(), "x", 1), 1);
  EXPECT_EQ(run([&] {
              pollfd event{high.get(), POLLIN, 0};
              return wait_readable({&event, 1}, kForever) == 1 && event.revents == POLLIN;
            }),
            0);
}

INSTANTIATE_TEST_SUITE_P(, WaitReadableTest,
                         ::testing::Values(LimitRow{"Unlimited", false},
                                           LimitRow{"WithFewerDescriptorsAllowed", true}),
                         [](const auto& row) { return std::string(row.param.name); });

// ------------------------------------------------------------------------------ those who wait so

class DescriptorLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing::kAddressSanitized) {
      GTEST_SKIP() << "the sanitizer makes a pipe to see whether an object can be read";
    }
  }
};

TEST_F(DescriptorLimitTest, TheEndOfAProcessIsHeardOf) {
  EXPECT_EQ(within_a_minute([] {
              const pid_t child = make_sleeper();
              boost::asio::io_context io_context;
              boost::asio::posix::stream_descriptor pidfd(io_context, pidfd_open(child, 0));
              if (!allow_no_descriptors()) {
                return 1;
              }
              kill(child, SIGKILL);
              bool heard = false;
              boost::asio::co_spawn(
                  io_context, async_wait_ended(pidfd),
                  [&](const std::exception_ptr&, boost::system::error_code) { heard = true; });
              io_context.run();
              return heard ? 0 : 2;
            }),
            0);
}

// The file that says what the thread of that name does; a process finds no more files when it is allowed
// no descriptors.
FileDescriptor open_state_of_thread(const std::string& name) {
  namespace fs = boost::filesystem;
  for (;;) {
    for (const auto& entry : fs::directory_iterator("/proc/self/task")) {
      if (read_proc_file((entry.path() / "comm").string()) == name + "\n") {
        return FileDescriptor(open((entry.path() / "stat").c_str(), O_RDONLY | O_CLOEXEC));
      }
    }
  }
}

bool is_asleep(const FileDescriptor& state_of_thread) {
  std::array<char, 256> stat{};
  const ssize_t size = pread(state_of_thread.get(), stat.data(), stat.size(), 0);
  return size > 0 && std::string_view(stat.data(), static_cast<std::size_t>(size)).find(") S") !=
                         std::string_view::npos;
}

TEST_F(DescriptorLimitTest, TheThreadThatHearsTheSignalsSleepsUntilItHearsOne) {
  EXPECT_EQ(within_a_minute([] {
              if (!block_termination_signals().ok()) {
                return 1;
              }
              const Pipe heard;
              const auto termination = Termination::start({
                  .on_request =
                      [&](int, Clock::duration) {
                        static_cast<void>(!write(heard.write_end.get(), "x", 1));
                      },
              });
              const FileDescriptor state = open_state_of_thread("termination");
              if (!termination || !state || !allow_no_descriptors()) {
                return 2;
              }
              for (int i = 0; i < 2; ++i) {  // the first wait began before there was a limit
                kill(getpid(), SIGTERM);
                char byte = 0;
                if (read(heard.read_end.get(), &byte, 1) != 1) {
                  return 3;
                }
                while (!is_asleep(state)) {
                }
              }
              return 0;
            }),
            0);
}

}  // namespace
}  // namespace compiler_gym

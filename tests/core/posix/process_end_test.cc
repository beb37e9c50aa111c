#include "core/posix/process_end.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <optional>

#include "core/posix/pidfd.h"
#include "tests/support/fake_clock.h"
#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

class ProcessEndTest : public ::testing::Test {
 protected:
  ProcessEndTest() {
    process_ = fork();
    if (process_ == 0) {
      for (;;) {
        pause();
      }
    }
    pidfd_.assign(pidfd_open(process_, 0));
    boost::asio::co_spawn(
        io_context_, async_wait_ended(pidfd_),
        boost::asio::bind_cancellation_slot(
            cancel_.slot(), [this](const std::exception_ptr&, boost::system::error_code outcome) {
              outcome_ = outcome;
            }));
    settle(io_context_);
    EXPECT_FALSE(outcome_.has_value()) << "it lives";
  }
  ~ProcessEndTest() override {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }

  pid_t process_ = 0;
  boost::asio::io_context io_context_;
  boost::asio::posix::stream_descriptor pidfd_{io_context_};
  boost::asio::cancellation_signal cancel_;
  std::optional<boost::system::error_code> outcome_;
};

TEST_F(ProcessEndTest, IsHeardOfBeforeTheProcessIsReaped) {
  kill(process_, SIGKILL);
  poll_until(io_context_, [&] { return outcome_.has_value(); });
  EXPECT_FALSE(*outcome_) << outcome_->message();
}

TEST_F(ProcessEndTest, AStoppedProcessHasNotEnded) {
  kill(process_, SIGSTOP);
  waitpid(process_, nullptr, WUNTRACED);
  settle(io_context_);
  EXPECT_FALSE(outcome_.has_value());
}

TEST_F(ProcessEndTest, TheWaitCanBeCancelled) {
  cancel_.emit(boost::asio::cancellation_type::terminal);
  settle(io_context_);
  ASSERT_TRUE(outcome_.has_value());
  EXPECT_EQ(*outcome_, boost::asio::error::operation_aborted);
}

}  // namespace
}  // namespace compiler_gym::testing

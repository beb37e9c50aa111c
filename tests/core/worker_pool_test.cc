#include "core/worker_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <latch>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/support/blocking_region.h"
#include "tests/support/another_process.h"
#include "tests/support/latch.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

using boost::asio::post;
using testing::Latch;
using testing::RecordingLogger;

class WorkerPoolTest : public ::testing::Test {
 protected:
  RecordingLogger logger_;
};

TEST_F(WorkerPoolTest, HasAtLeastOneThread) {
  WorkerPool pool({.threads = 0}, logger_);
  EXPECT_EQ(pool.size(), 1U);
  std::latch ran(1);
  post(pool.executor(), [&] { ran.count_down(); });
  ran.wait();
}

TEST_F(WorkerPoolTest, OneThreadRunsThingsInOrderOfArrival) {
  std::string order;
  WorkerPool pool({.threads = 1}, logger_);
  for (char c = 'a'; c <= 'e'; ++c) {
    post(pool.executor(), [&order, c] { order += c; });
  }
  pool.join();
  EXPECT_EQ(order, "abcde");
}

TEST_F(WorkerPoolTest, AsManyThingsRunAtOnceAsThereAreThreads) {
  constexpr int kThreads = 3;
  WorkerPool pool({.threads = kThreads}, logger_);
  std::latch all_inside(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    post(pool.executor(), [&] { all_inside.arrive_and_wait(); });
  }
  pool.join();  // returns, or they waited for each other in vain
}

TEST_F(WorkerPoolTest, TheDestructorRunsWhatIsQueued) {
  int ran = 0;
  {
    std::latch go(1);
    WorkerPool pool({.threads = 1}, logger_);
    post(pool.executor(), [&] { go.wait(); });
    for (int i = 0; i < 10; ++i) {
      post(pool.executor(), [&] { ++ran; });
    }
    EXPECT_EQ(ran, 0);
    go.count_down();
  }
  EXPECT_EQ(ran, 10);
}

TEST_F(WorkerPoolTest, JoinIsIdempotent) {
  WorkerPool pool({.threads = 2}, logger_);
  pool.join();
  pool.join();
}

TEST_F(WorkerPoolTest, LogsAnExceptionOnceAndGoesOn) {
  bool next_ran = false;
  WorkerPool pool({.threads = 1}, logger_);
  post(pool.executor(), [] { throw std::runtime_error("out of paper"); });
  post(pool.executor(), [&] { next_ran = true; });
  pool.join();
  EXPECT_TRUE(next_ran);
  EXPECT_EQ(logger_.lines().size(), 1U) << logger_.text();
  EXPECT_EQ(logger_.count(LogLevel::kError, "out of paper"), 1) << logger_.text();
}

TEST_F(WorkerPoolTest, NamesItsThreads) {
  std::string name;
  WorkerPool pool({.threads = 1, .name = "session-worker"}, logger_);
  post(pool.executor(), [&] {
    std::array<char, 16> buffer{};
    pthread_getname_np(pthread_self(), buffer.data(), buffer.size());
    name = buffer.data();
  });
  pool.join();
  EXPECT_EQ(name, "session-worker-") << "the kernel keeps 15 characters";
}

// --------------------------------------------------------------------------- threads that only wait

TEST_F(WorkerPoolTest, WhoWaitsForOthersDoesNotHoldThemUp) {
  WorkerPool pool({.threads = 1}, logger_);
  Latch computed(1);
  post(pool.executor(), [&] {
    const BlockingRegion waiting;
    computed.wait();
  });
  post(pool.executor(), [&] { computed.arrive(); });
  pool.join();
  EXPECT_EQ(logger_.text(), "") << "one waited for the other in vain";
}

TEST_F(WorkerPoolTest, NeitherDoThoseWhoTookTheirPlaces) {
  constexpr int kWaiting = 10;
  WorkerPool pool({.threads = 2}, logger_);
  Latch all_wait(kWaiting);
  Latch computed(1);
  for (int i = 0; i < kWaiting; ++i) {
    post(pool.executor(), [&] {
      const BlockingRegion waiting;
      const BlockingRegion within_another;
      all_wait.arrive();
      computed.wait();
    });
  }
  all_wait.wait();
  post(pool.executor(), [&] { computed.arrive(); });
  pool.join();
  EXPECT_EQ(logger_.text(), "") << "they waited for another in vain";
}

TEST_F(WorkerPoolTest, ASpareThreadIsUsedAgain) {
  constexpr std::size_t kRounds = 20;
  std::array<Latch, kRounds> computed;
  std::array<Latch, kRounds> waited;
  WorkerPool pool({.threads = 1}, logger_);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  const auto note_thread = [&] {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  };
  for (std::size_t i = 0; i < kRounds; ++i) {
    post(pool.executor(), [&, i] {
      note_thread();
      {
        const BlockingRegion waiting;
        computed[i].wait();
      }
      waited[i].open();
    });
    post(pool.executor(), [&, i] {
      note_thread();
      computed[i].open();
    });
    waited[i].wait();
  }
  pool.join();
  EXPECT_EQ(threads.size(), 2U);
  EXPECT_EQ(logger_.text(), "");
}

TEST_F(WorkerPoolTest, LogsAnExceptionOfASpareThreadToo) {
  WorkerPool pool({.threads = 1}, logger_);
  Latch computed(1);
  post(pool.executor(), [&] {
    const BlockingRegion waiting;
    computed.wait();
  });
  post(pool.executor(), [] { throw std::runtime_error("out of paper"); });
  post(pool.executor(), [&] { computed.arrive(); });
  pool.join();
  EXPECT_EQ(logger_.count(LogLevel::kError, "out of paper"), 1) << logger_.text();
}

TEST_F(WorkerPoolTest, WithoutAThreadToSpareWhatIsPostedWaits) {
  EXPECT_EQ(testing::in_another_process([&] {
              WorkerPool pool({.threads = 1}, logger_);
              std::string order;
              Latch go(1);
              post(pool.executor(), [&] {
                go.wait();
                const BlockingRegion waiting;
                order += 'a';
              });
              post(pool.executor(), [&] { order += 'b'; });
              // The limit is not root's.
              const rlimit none{.rlim_cur = 0, .rlim_max = 0};
              if (setrlimit(RLIMIT_NPROC, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
                return 1;
              }
              go.arrive();
              pool.join();
              return order == "ab" && logger_.count(LogLevel::kInfo, "no thread to take") == 1 ? 0
                                                                                               : 2;
            }),
            0);
}

TEST(BlockingRegionTest, OutsideOfAPoolItDoesNothing) {
  const BlockingRegion waiting;
}

}  // namespace
}  // namespace compiler_gym

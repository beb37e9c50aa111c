#include "core/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "core/support/logger.h"
#include "core/support/status.h"

namespace compiler_gym {
namespace {

// With nothing to do a spare thread looks this often whether it is still wanted.
constexpr std::chrono::milliseconds kSpareTurn{20};

WorkerPoolOptions with_a_thread(WorkerPoolOptions options) {
  options.threads = std::max<std::size_t>(1, options.threads);
  return options;
}

void name_thread(std::jthread& thread, const std::string& name) {
  pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
}

}  // namespace

// Never made for one thread only, as Asio would not wake a spare one then.
WorkerPool::WorkerPool(WorkerPoolOptions options, Logger& logger)
    : logger_(logger),
      options_(with_a_thread(std::move(options))),
      io_context_(static_cast<int>(options_.threads) + 1),
      keep_running_(io_context_.get_executor()) {
  threads_.reserve(options_.threads);
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { run_thread(); });
    name_thread(threads_.back(), options_.name + "-" + std::to_string(i));
  }
}

WorkerPool::~WorkerPool() {
  join();
}

// When the threads have ended nothing runs any more, on spare ones neither.
void WorkerPool::join() {
  keep_running_.reset();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
  std::vector<std::jthread> spare_threads;
  {
    const std::lock_guard lock(mutex_);
    joined_ = true;
    spare_threads.swap(spare_threads_);
  }
  changed_.notify_all();
}

void WorkerPool::run_thread() {
  BlockingRegion::set_observer(*this);
  run_logged([this] { io_context_.run(); });
}

void WorkerPool::run_spare_thread(std::size_t index) {
  BlockingRegion::set_observer(*this);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return joined_ || index < blocked_; });
      if (joined_) {
        return;
      }
    }
    run_logged([this] { io_context_.run_one_for(kSpareTurn); });
    if (io_context_.stopped()) {
      return;
    }
  }
}

template <typename Run>
void WorkerPool::run_logged(Run run) {
  for (;;) {
    try {
      run();
      return;
    } catch (...) {
      // A worker task's border: whatever was posted should have turned its errors into a status.
      logger_.error("worker: {}", status_from_current_exception().error_message());
    }
  }
}

void WorkerPool::on_blocked() noexcept {
  try {
    const std::lock_guard lock(mutex_);
    ++blocked_;
    const std::size_t spare = spare_threads_.size();
    if (spare < blocked_ && spare < kMaxSpareThreads) {
      spare_threads_.emplace_back([this, spare] { run_spare_thread(spare); });
      name_thread(spare_threads_.back(), options_.name + "+" + std::to_string(spare));
    }
  } catch (const std::exception& error) {
    logger_.info("worker: there is no thread to take the place of one that waits: {}",
                 error.what());
  }
  changed_.notify_all();
}

void WorkerPool::on_unblocked() noexcept {
  const std::lock_guard lock(mutex_);
  --blocked_;
}

}  // namespace compiler_gym

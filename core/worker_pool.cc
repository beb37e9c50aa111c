#include "core/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/support/logger.h"
#include "core/support/status.h"

namespace compiler_gym {

WorkerPool::WorkerPool(WorkerPoolOptions options, Logger& logger)
    : logger_(logger),
      thread_count_(std::max<std::size_t>(1, options.threads)),
      io_context_(static_cast<int>(thread_count_)),
      keep_running_(io_context_.get_executor()) {
  threads_.reserve(thread_count_);
  for (std::size_t i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] { run_thread(); });
    const std::string name = (options.name + "-" + std::to_string(i)).substr(0, 15);
    pthread_setname_np(threads_.back().native_handle(), name.c_str());
  }
}

WorkerPool::~WorkerPool() {
  join();
}

void WorkerPool::join() {
  keep_running_.reset();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

void WorkerPool::run_thread() {
  for (;;) {
    try {
      io_context_.run();
      return;
    } catch (...) {
      // A worker task's border: whatever was posted should have turned its errors into a status.
      logger_.error("worker: {}", status_from_current_exception().error_message());
    }
  }
}

}  // namespace compiler_gym

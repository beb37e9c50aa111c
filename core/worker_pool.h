// Threads for work that blocks: compiling, reading files, plug-in code.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace compiler_gym {

class Logger;

struct WorkerPoolOptions {
  /// At least one.
  std::size_t threads = 1;
  /// Threads are named `<name>-<index>` (the kernel keeps 15 characters); debuggers and `top -H`
  /// show it.
  std::string name = "worker";
};

/// A fixed number of threads that run what is posted to executor(), in order of arrival.
/// Threads:  every member may be called from any thread; join() from one at a time, and from none of
///           the pool's own.
/// Lifetime: must outlive what is posted to it: the destructor runs everything that is queued, then
///           joins.
/// Errors:   an exception that leaves a handler is logged; the thread goes on.
class WorkerPool {
 public:
  using executor_type = boost::asio::io_context::executor_type;

  WorkerPool(WorkerPoolOptions options, Logger& logger);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  [[nodiscard]] executor_type executor() noexcept { return io_context_.get_executor(); }
  [[nodiscard]] std::size_t size() const noexcept { return thread_count_; }

  /// Runs what is queued, then ends the threads; what is posted later never runs. Idempotent.
  void join();

 private:
  void run_thread();

  Logger& logger_;
  const std::size_t thread_count_;
  boost::asio::io_context io_context_;
  std::vector<std::jthread> threads_;  // after what they use
  // After threads_, so that they end, and their destructors return, if the constructor cannot
  // start them all.
  boost::asio::executor_work_guard<executor_type> keep_running_;
};

}  // namespace compiler_gym

// Threads for work that blocks: compiling, reading files, plug-in code.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/support/blocking_region.h"

namespace compiler_gym {

class Logger;

struct WorkerPoolOptions {
  /// At least one.
  std::size_t threads = 1;
  /// Threads are named `<name>-<index>` (the kernel keeps 15 characters); debuggers and `top -H`
  /// show it.
  std::string name = "worker";
};

/// A fixed number of threads that run what is posted to executor(), in order of arrival. For each that is
/// in a BlockingRegion another one runs, up to kMaxSpareThreads: these are started when they are needed
/// first, and kept. Where the machine has no thread left what is posted waits.
/// Threads:  every member may be called from any thread; join() from one at a time, and from none of
///           the pool's own.
/// Lifetime: must outlive what is posted to it: the destructor runs everything that is queued, then
///           joins.
/// Errors:   an exception that leaves a handler is logged; the thread goes on.
class WorkerPool final : private BlockingRegion::Observer {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  static constexpr std::size_t kMaxSpareThreads = 64;

  WorkerPool(WorkerPoolOptions options, Logger& logger);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  [[nodiscard]] executor_type executor() noexcept { return io_context_.get_executor(); }
  [[nodiscard]] std::size_t size() const noexcept { return options_.threads; }

  /// Runs what is queued, then ends the threads; what is posted later never runs. Idempotent.
  void join();

 private:
  void on_blocked() noexcept override;
  void on_unblocked() noexcept override;

  void run_thread();
  void run_spare_thread(std::size_t index);
  template <typename Run>
  void run_logged(Run run);

  Logger& logger_;
  const WorkerPoolOptions options_;
  boost::asio::io_context io_context_;

  std::mutex mutex_;  // guards the next three, and spare_threads_
  std::condition_variable changed_;
  std::size_t blocked_ = 0;  // threads in a region
  bool joined_ = false;

  std::vector<std::jthread> spare_threads_;  // as threads_, after what they use
  std::vector<std::jthread> threads_;
  // After threads_, so that they end, and their destructors return, if the constructor cannot
  // start them all.
  boost::asio::executor_work_guard<executor_type> keep_running_;
};

}  // namespace compiler_gym

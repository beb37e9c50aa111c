#include "async_server/internal/plugin_host.h"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <thread>
#include <utility>

#include "core/run_on.h"

namespace compiler_gym::internal {
namespace {

std::size_t worker_count(const ServiceRuntimeOptions& options) {
  if (options.plugin_threads == PluginThreads::kCaller) {
    return 1;
  }
  return options.workers != 0 ? options.workers
                              : std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

std::unique_ptr<WorkerPool> make_start_workers(const ServiceRuntimeOptions& options,
                                               Logger& logger) {
  if (options.plugin_threads == PluginThreads::kCaller) {
    return nullptr;
  }
  return std::make_unique<WorkerPool>(
      WorkerPoolOptions{.threads = worker_count(options), .name = "start"}, logger);
}

SessionServiceOptions session_options(const ServiceRuntimeOptions& options,
                                      std::function<std::string(const Benchmark&)> program_stamp) {
  SessionServiceOptions sessions = options.sessions;
  sessions.program_stamp = std::move(program_stamp);
  if (options.plugin_threads == PluginThreads::kCaller) {
    sessions.on_callers_thread = true;
    sessions.request_timeout = std::chrono::milliseconds(0);  // its timer would need the thread
  }
  return sessions;
}

// Null without a zygote, from which the processes of isolated sessions are forked.
std::unique_ptr<isolated::IsolatedSessions> make_isolated_sessions(
    boost::asio::io_context& io_context, std::optional<isolated::Zygote> zygote,
    isolated::IsolationOptions options, std::function<std::string(const Benchmark&)> program_stamp,
    WorkerPool& workers, Logger& logger) {
  if (!zygote) {
    return nullptr;
  }
  options.program_stamp = std::move(program_stamp);
  return std::make_unique<isolated::IsolatedSessions>(io_context.get_executor(), *std::move(zygote),
                                                      workers, std::move(options), logger);
}

ServiceContextOptions with_logger(ServiceContextOptions options, Logger& logger) {
  options.logger = &logger;
  return options;
}

}  // namespace

PluginHost::PluginHost(boost::asio::io_context& io_context, ServicePlugin plugin,
                       const ServiceRuntimeOptions& options, Logger& logger,
                       std::optional<isolated::Zygote> zygote)
    : step_workers_({.threads = worker_count(options), .name = "step"}, logger),
      start_workers_(make_start_workers(options, logger)),
      context_host_(
          io_context.get_executor(),
          plugin.make_context(options.working_directory, with_logger(options.context, logger)),
          start_workers(), logger),
      sessions_(std::move(plugin.make_session), context_host_, step_workers_,
                session_options(options, plugin.program_stamp),
                make_isolated_sessions(io_context, std::move(zygote), options.isolation,
                                       std::move(plugin.program_stamp), step_workers_, logger)) {
  context_host_.benchmarks().set_max_size_in_bytes(options.context.max_benchmark_cache_bytes);
  context_host_.state_graph().set_max_size_in_bytes(options.context.state_graph_bytes);
}

boost::asio::awaitable<grpc::Status> PluginHost::load_spaces() {
  if (start_workers_ == nullptr) {
    co_return sessions_.load_spaces();
  }
  co_return co_await run_on(start_workers_->executor(), [this] { return sessions_.load_spaces(); });
}

std::size_t PluginHost::session_count() const {
  const std::int64_t left = sessions_left_.load();
  return left >= 0 ? static_cast<std::size_t>(left) : sessions_.session_count();
}

boost::asio::awaitable<void> PluginHost::end_sessions() {
  sessions_left_ = static_cast<std::int64_t>(sessions_.session_count());
  co_await sessions_.async_end_all(boost::asio::use_awaitable);
}

}  // namespace compiler_gym::internal

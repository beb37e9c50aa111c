// A plug-in's context and sessions, and the threads and processes they run on.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "async_server/service_plugin.h"
#include "async_server/service_runtime.h"
#include "context/context_host.h"
#include "core/support/logger.h"
#include "core/worker_pool.h"
#include "sessions/isolated/isolated_sessions.h"
#include "sessions/session_service.h"

namespace compiler_gym::internal {

/// Threads:  every member may be called from any thread.
/// Lifetime: that of its ContextHost and its SessionService.
class PluginHost {
 public:
  PluginHost(boost::asio::io_context& io_context, ServicePlugin plugin,
             const ServiceRuntimeOptions& options, Logger& logger,
             std::optional<isolated::Zygote> zygote);

  [[nodiscard]] ContextHost& context_host() { return context_host_; }
  [[nodiscard]] SessionService& sessions() { return sessions_; }
  /// Apart from the threads for steps, unless the caller's threads run those.
  [[nodiscard]] WorkerPool& start_workers() {
    return start_workers_ == nullptr ? step_workers_ : *start_workers_;
  }

  /// Asks the plug-in for its spaces, where it is asked for sessions.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> load_spaces();

  /// Open now; once end_sessions() has been called, those that it found.
  [[nodiscard]] std::size_t session_count() const;
  /// When no request can start one any more.
  [[nodiscard]] boost::asio::awaitable<void> end_sessions();

 private:
  // Destroyed from the bottom up: sessions before the context, both before the threads they use.
  WorkerPool step_workers_;
  const std::unique_ptr<WorkerPool> start_workers_;  // null: step_workers_ does that too
  ContextHost context_host_;
  SessionService sessions_;
  std::atomic<std::int64_t> sessions_left_{-1};
};

}  // namespace compiler_gym::internal

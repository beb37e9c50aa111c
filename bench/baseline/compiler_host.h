// A plug-in's context, up and running, for servers that are not ours.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/filesystem/path.hpp>
#include <future>
#include <memory>
#include <thread>

#include "async_server/service_plugin.h"
#include "async_server/service_runtime.h"
#include "context/context_host.h"
#include "core/support/logger.h"
#include "core/support/status.h"
#include "sessions/service_spaces.h"

namespace compiler_gym {

/// What the service gives its sessions: a context on the strand of an io_context, the benchmark
/// cache, the spaces. A front of the service's runtime that takes no calls of its own; one thread runs
/// the io_context, and idles unless the context has something to do.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive every session it has made. The destructor runs the context's shutdown.
class CompilerHost final : private ServiceFront {
 public:
  /// Runs the context's init. Errors: what that returned, or why the plug-in has no spaces.
  [[nodiscard]] static Result<std::unique_ptr<CompilerHost>> create(
      ServicePlugin plugin, const boost::filesystem::path& working_directory);

  CompilerHost(const CompilerHost&) = delete;
  CompilerHost& operator=(const CompilerHost&) = delete;
  ~CompilerHost() override;

  /// Not yet init()-ed. INTERNAL if its constructor throws.
  [[nodiscard]] Result<std::unique_ptr<CompilationSession>> make_session();
  [[nodiscard]] BenchmarkCache& benchmarks() { return runtime_.context_host().benchmarks(); }
  [[nodiscard]] const ServiceSpaces& spaces() { return runtime_.sessions().spaces(); }

 private:
  CompilerHost(ServicePlugin plugin, const boost::filesystem::path& working_directory);

  const std::unique_ptr<Logger> logger_ = make_silent_logger();
  const SessionFactory make_session_;
  boost::asio::io_context io_context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_;
  ServiceRuntime runtime_;
  std::future<grpc::Status> ended_;
  std::jthread thread_;  // last: it uses what is above
};

}  // namespace compiler_gym

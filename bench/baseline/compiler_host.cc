#include "bench/baseline/compiler_host.h"

#include <boost/asio/use_future.hpp>
#include <utility>

namespace compiler_gym {

namespace asio = boost::asio;

Result<std::unique_ptr<CompilerHost>> CompilerHost::create(
    ServicePlugin plugin, const boost::filesystem::path& working_directory) {
  std::unique_ptr<CompilerHost> host(new CompilerHost(std::move(plugin), working_directory));
  if (grpc::Status status = host->runtime_.async_started(asio::use_future).get(); !status.ok()) {
    return status;
  }
  return host;
}

CompilerHost::CompilerHost(ServicePlugin plugin, const boost::filesystem::path& working_directory)
    : make_session_(plugin.make_session),
      keep_running_(io_context_.get_executor()),
      runtime_(io_context_, std::move(plugin),
               {ServiceOptions{.working_directory = working_directory, .workers = 1}}, *this,
               *logger_),
      ended_(runtime_.async_run(asio::use_future)),
      thread_([this] { io_context_.run(); }) {}

CompilerHost::~CompilerHost() {
  runtime_.async_drain(Clock::duration::zero(), [](const grpc::Status&) {});
  // What a shutdown returns is the context's author's business, not a benchmark's.
  ended_.wait();
  keep_running_.reset();
}

Result<std::unique_ptr<CompilationSession>> CompilerHost::make_session() {
  try {
    return make_session_(runtime_.context_host().context());
  } catch (...) {
    return status_from_current_exception();
  }
}

}  // namespace compiler_gym

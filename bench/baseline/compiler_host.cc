#include "bench/baseline/compiler_host.h"

#include <boost/asio/use_future.hpp>
#include <utility>

namespace compiler_gym {

namespace asio = boost::asio;

Result<std::unique_ptr<CompilerHost>> CompilerHost::create(
    ServicePlugin plugin, const boost::filesystem::path& working_directory) {
  std::unique_ptr<CompilerHost> host(new CompilerHost(std::move(plugin), working_directory));
  if (grpc::Status status = host->start(); !status.ok()) {
    return status;
  }
  return host;
}

CompilerHost::CompilerHost(ServicePlugin plugin, const boost::filesystem::path& working_directory)
    : make_session_(std::move(plugin.make_session)),
      workers_({.threads = 1, .name = "context"}, *logger_),
      keep_running_(io_context_.get_executor()),
      context_host_(io_context_.get_executor(),
                    plugin.make_context(working_directory, ServiceContextOptions()), workers_,
                    *logger_),
      thread_([this] { io_context_.run(); }) {}

CompilerHost::~CompilerHost() {
  // What a shutdown returns is the context's author's business, not a benchmark's.
  static_cast<void>(context_host_.async_shutdown(asio::use_future).get());
  keep_running_.reset();
}

grpc::Status CompilerHost::start() {
  if (grpc::Status status = context_host_.async_init(asio::use_future).get(); !status.ok()) {
    return status;
  }
  const Result<std::unique_ptr<CompilationSession>> session = make_session();
  if (!session) {
    return session.error();
  }
  Result<ServiceSpaces> spaces = ServiceSpaces::of(**session);
  if (!spaces) {
    return spaces.error();
  }
  spaces_ = *std::move(spaces);
  return grpc::Status::OK;
}

Result<std::unique_ptr<CompilationSession>> CompilerHost::make_session() {
  try {
    return make_session_(context_host_.context());
  } catch (...) {
    return status_from_current_exception();
  }
}

}  // namespace compiler_gym

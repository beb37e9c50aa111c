#include "context/compiler_gym_service_context.h"

#include <string>

#include "context/internal/calling_thread.h"

namespace compiler_gym {

// Until a ContextHost takes it over, and in sandbox processes, where none does, a context works
// without any thread but its callers'.
CompilerGymServiceContext::CompilerGymServiceContext(boost::filesystem::path workingDirectory)
    : workingDirectory_(std::move(workingDirectory)),
      strand_(boost::asio::any_io_executor(internal::CallingThread())) {}

CompilerGymServiceContext::~CompilerGymServiceContext() = default;

boost::filesystem::path CompilerGymServiceContext::scratchDirectoryOf(
    pid_t process, const boost::filesystem::path& workingDirectory) {
  return workingDirectory / "disk" / ("process-" + std::to_string(process));
}

grpc::Status CompilerGymServiceContext::init() {
  return grpc::Status::OK;
}

grpc::Status CompilerGymServiceContext::shutdown() {
  return grpc::Status::OK;
}

grpc::Status CompilerGymServiceContext::warmUp() {
  return grpc::Status::OK;
}

boost::asio::awaitable<grpc::Status> CompilerGymServiceContext::async_init(WorkerPool& workers) {
  co_return co_await run_on(workers.executor(), [this] { return init(); });
}

boost::asio::awaitable<grpc::Status> CompilerGymServiceContext::async_shutdown(
    WorkerPool& workers) {
  co_return co_await run_on(workers.executor(), [this] { return shutdown(); });
}

}  // namespace compiler_gym

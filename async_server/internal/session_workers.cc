#include "async_server/internal/session_workers.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace compiler_gym::internal {

std::size_t worker_count(std::size_t asked) {
  return asked != 0 ? asked : std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

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

}  // namespace compiler_gym::internal

#include "sessions/isolated/isolated_sessions.h"

#include <algorithm>
#include <array>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "sessions/isolated/isolated_executor.h"

namespace compiler_gym::isolated {

using boost::asio::use_awaitable;

namespace {

std::size_t run_limit(const IsolationOptions& options, const WorkerPool& workers) {
  const double for_workers =
      IsolationOptions::kRunningForEachWorker * static_cast<double>(workers.size());
  return options.max_running != 0
             ? options.max_running
             : static_cast<std::size_t>(for_workers) + IsolationOptions::kRunningBesides;
}

struct Figure {
  std::string_view key;
  std::uint64_t RecycleFigures::* value;
};
constexpr std::array kFigures{
    Figure{"service.sandboxes.get_idle", &RecycleFigures::idle},
    Figure{"service.sandboxes.get_idle_bytes", &RecycleFigures::idle_bytes},
    Figure{"service.sandboxes.get_reused", &RecycleFigures::reused},
    Figure{"service.sandboxes.get_forked", &RecycleFigures::forked},
    Figure{"service.sandboxes.get_discarded", &RecycleFigures::discarded},
};

}  // namespace

IsolatedSessions::IsolatedSessions(boost::asio::any_io_executor executor, Zygote zygote,
                                   WorkerPool& workers, IsolationOptions options, Logger& logger)
    : options_(std::move(options)),
      workers_(workers),
      host_(SandboxHost::make(std::move(executor), std::move(zygote), options_.zygote_timeouts,
                              logger)),
      run_limit_(std::make_shared<RunLimit>(host_->executor(), run_limit(options_, workers),
                                            options_.run_patience)),
      templates_(
          std::make_shared<Templates>(host_, workers, run_limit_,
                                      TemplatesOptions{.timeouts = options_.timeouts,
                                                       .max_templates = options_.max_templates,
                                                       .recycle = options_.recycle,
                                                       .program_stamp = options_.program_stamp})) {}

SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> IsolatedSessions::start(
    const StartSessionRequest& request, std::shared_ptr<const Benchmark> benchmark,
    StartSessionReply& reply, ClientId client, std::stop_source stop) {
  TemplateKey key{.benchmark = std::move(benchmark),
                  .action_space = request.action_space(),
                  .program_stamp = {}};
  if (options_.program_stamp) {
    key.program_stamp = options_.program_stamp(*key.benchmark);
  }
  const RunTicket ticket{.kind = RunTicket::Kind::kStart, .client = client};
  for (bool retried = false;; retried = true) {
    const Result<Templates::Forked> forked =
        co_await templates_->async_fork(key, ticket, stop, use_awaitable);
    if (!forked) {
      co_return forked.error();
    }
    if (!request.observation_space().empty()) {
      const SandboxReply observed = co_await forked->sandbox->async_request(
          SandboxOperation::kObserve, request, stop, use_awaitable);
      if (observed.lost_with_zygote()) {
        if (retried) {
          co_return unavailable(observed.status.error_message());
        }
        continue;
      }
      if (!observed.status.ok()) {
        co_return observed.status;
      }
      if (!reply.ParseFromString(observed.message)) {
        co_return internal_error("A sandbox process sent what can't be parsed");
      }
    }
    std::unique_ptr<SessionExecutor> started =
        std::make_unique<IsolatedExecutor>(*this, client, std::move(key), forked->sandbox);
    co_return started;
  }
}

std::optional<std::uint64_t> IsolatedSessions::figure(std::string_view key) const {
  const auto* const found = std::ranges::find(kFigures, key, &Figure::key);
  return found == kFigures.end() ? std::nullopt
                                 : std::optional(templates_->figures().*found->value);
}

void IsolatedSessions::close() {
  run_limit_->close();
  templates_->close();
  host_->close();
}

}  // namespace compiler_gym::isolated

#include "sessions/isolated/isolated_sessions.h"

#include <utility>

#include "sessions/isolated/isolated_executor.h"

namespace compiler_gym::isolated {
namespace {

std::size_t run_limit(const IsolationOptions& options, const WorkerPool& workers) {
  return options.max_running != 0 ? options.max_running : workers.size() * 3 / 2 + 3;
}

}  // namespace

IsolatedSessions::IsolatedSessions(boost::asio::any_io_executor executor, Zygote zygote,
                                   WorkerPool& workers, IsolationOptions options, Logger& logger)
    : options_(std::move(options)),
      workers_(workers),
      host_(SandboxHost::make(std::move(executor), std::move(zygote), logger)),
      templates_(
          std::make_shared<Templates>(host_, workers, options_.timeouts, options_.max_templates)),
      run_limit_(std::make_shared<RunLimit>(host_->executor(), run_limit(options_, workers),
                                            options_.run_patience)) {}

void IsolatedSessions::start(const StartSessionRequest& request,
                             std::shared_ptr<const Benchmark> benchmark, StartSessionReply& reply,
                             std::stop_source stop, SessionExecutor::StartedHandler handler) {
  TemplateKey key{.benchmark = std::move(benchmark),
                  .action_space = request.action_space(),
                  .program_stamp = {}};
  if (options_.program_stamp) {
    key.program_stamp = options_.program_stamp(*key.benchmark);
  }
  templates_->fork(
      key, stop,
      SandboxChannel::ChannelHandler([this, &request, &reply, stop, key,
                                      handler = std::move(handler)](
                                         Result<std::shared_ptr<SandboxChannel>> forked) mutable {
        if (!forked) {
          handler(forked.error());
          return;
        }
        const std::shared_ptr<SandboxChannel> sandbox = *std::move(forked);
        auto started = std::make_unique<IsolatedExecutor>(*this, std::move(key), sandbox);
        if (request.observation_space().empty()) {
          handler(std::move(started));
          return;
        }
        sandbox->request(SandboxOperation::kObserve, request, stop,
                         SandboxChannel::ReplyHandler([&reply, started = std::move(started),
                                                       handler = std::move(handler)](
                                                          SandboxReply observed) mutable {
                           if (!observed.status.ok()) {
                             handler(observed.status);
                           } else if (!reply.ParseFromString(observed.message)) {
                             handler(internal_error("A sandbox process sent what can't be parsed"));
                           } else {
                             handler(std::move(started));
                           }
                         }));
      }));
}

void IsolatedSessions::close() {
  run_limit_->close();
  templates_->close();
  host_->close();
}

}  // namespace compiler_gym::isolated

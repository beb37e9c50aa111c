#include "sessions/internal/inline_executor.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "sessions/session_rules.h"

namespace compiler_gym::internal {
namespace {

// Whether this thread is in a task that it runs for its caller, of whatever kind.
thread_local bool in_task = false;

}  // namespace

InlineSessions::InlineSessions(SessionFactory factory, ContextHost& context_host,
                               WorkerPool& workers, const ServiceSpaces& spaces,
                               std::chrono::milliseconds request_timeout, bool on_callers_thread)
    : factory_(std::move(factory)),
      context_host_(context_host),
      workers_(workers),
      spaces_(spaces),
      request_timeout_(request_timeout),
      on_callers_thread_(on_callers_thread) {}

// What follows from a task, the next one of its session say, is not run inside it.
template <typename Task>
void InlineSessions::run(WorkerPool& workers, Task task, bool cheap) const {
  if (!(cheap || on_callers_thread_) || in_task) {
    boost::asio::post(workers.executor(), std::move(task));
    return;
  }
  struct InTask {
    InTask() { in_task = true; }
    ~InTask() { in_task = false; }
  } const mark;
  task();
}

Result<std::unique_ptr<CompilationSession>> InlineSessions::make_plugin() const {
  try {
    return factory_(context_host_.context());
  } catch (...) {
    return status_from_current_exception();
  }
}

Result<std::unique_ptr<SessionExecutor>> InlineSessions::start(
    const StartSessionRequest& request, std::shared_ptr<const Benchmark> benchmark,
    StartSessionReply& reply, const std::stop_token& stop) const {
  Result<std::unique_ptr<CompilationSession>> plugin = make_plugin();
  if (!plugin) {
    return plugin.error();
  }
  const auto time_limit = std::make_shared<TimeLimit>(context_host_.executor(), request_timeout_);
  const grpc::Status status = time_limit->apply(stop, [&](const std::stop_token& token) {
    return run_start(**plugin, spaces_, request, std::move(benchmark), reply, token);
  });
  if (!status.ok()) {
    return status;
  }
  return std::make_unique<InlineExecutor>(*this, *std::move(plugin));
}

InlineExecutor::InlineExecutor(const InlineSessions& sessions,
                               std::unique_ptr<CompilationSession> plugin)
    : sessions_(sessions),
      plugin_(std::move(plugin)),
      time_limit_(std::make_shared<TimeLimit>(sessions.context_host_.executor(),
                                              sessions.request_timeout_)) {}

// After each task the session goes to the back of the pool's queue, so that one with much to do does
// not starve the others.
template <typename Handler, typename Run>
void InlineExecutor::post(std::stop_source stop, Handler handler, Run run, bool cheap) {
  sessions_.run(
      sessions_.workers_,
      [this, stop = std::move(stop), handler = std::move(handler), run]() mutable {
        if (stop.stop_requested()) {
          handler(cancelled_before_its_turn());
        } else {
          handler(time_limit_->apply(stop.get_token(), run));
        }
      },
      cheap);
}

void InlineExecutor::step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                          StatusHandler handler) {
  post(
      std::move(stop), std::move(handler),
      [this, &request, &reply](const std::stop_token& token) {
        return run_step(*plugin_, sessions_.spaces_, request, reply, token);
      },
      is_cheap(request));
}

// What throws here is left to the step to find out.
bool InlineExecutor::is_cheap(const StepRequest& request) const {
  try {
    return plugin_->isCheap(request);
  } catch (...) {
    return false;
  }
}

void InlineExecutor::set_parameters(const SendSessionParameterRequest& request,
                                    SendSessionParameterReply& reply, std::stop_source stop,
                                    StatusHandler handler) {
  post(std::move(stop), std::move(handler), [this, &request, &reply](const std::stop_token& token) {
    return run_parameters(*plugin_, request, reply, token);
  });
}

void InlineExecutor::fork(const ForkSessionRequest& /*request*/, std::stop_source stop,
                          StartedHandler handler) {
  post(std::move(stop), std::move(handler),
       [this](const std::stop_token& token) { return make_fork(token); });
}

Result<std::unique_ptr<SessionExecutor>> InlineExecutor::make_fork(const std::stop_token& stop) {
  Result<std::unique_ptr<CompilationSession>> plugin = sessions_.make_plugin();
  if (!plugin) {
    return plugin.error();
  }
  if (const grpc::Status status = run_fork(**plugin, *plugin_, stop); !status.ok()) {
    return status;
  }
  return std::make_unique<InlineExecutor>(sessions_, *std::move(plugin));
}

// To destroy a large session takes longer than most steps, which are not to wait for it.
void InlineExecutor::end(UniqueHandler<void()> handler) {
  sessions_.run(sessions_.context_host_.workers(),
                [plugin = std::move(plugin_), handler = std::move(handler)]() mutable {
                  plugin.reset();
                  handler();
                });
}

}  // namespace compiler_gym::internal

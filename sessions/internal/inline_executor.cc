#include "sessions/internal/inline_executor.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/run_on.h"
#include "core/unique_handler.h"
#include "sessions/session_rules.h"

namespace compiler_gym::internal {
namespace {

// Whether this thread is in a task that it runs for its caller, of whatever kind.
thread_local bool in_task = false;

}  // namespace

InlineSessions::InlineSessions(SessionFactory factory, ContextHost& context_host,
                               WorkerPool& workers, const ServiceSpaces& spaces,
                               const InlineOptions& options)
    : factory_(std::move(factory)),
      context_host_(context_host),
      workers_(workers),
      spaces_(spaces),
      options_(options) {}

// What follows from a task, the next one of its session say, is not run inside it.
template <typename Task>
void InlineSessions::run(WorkerPool& workers, Task task, bool cheap) const {
  if (!(cheap || options_.on_callers_thread) || in_task) {
    boost::asio::post(workers.executor(), std::move(task));
    return;
  }
  struct InTask {
    InTask() { in_task = true; }
    ~InTask() { in_task = false; }
  } const mark;
  task();
}

// run() as an operation. It completes inside the task: what follows counts as that.
template <typename Function>
auto InlineSessions::async_run(WorkerPool& workers, Function function) const {
  using Outcome = decltype(outcome_of(std::move(function)));
  using Signature = typename RunOnSignature<Outcome>::type;
  auto initiate = [this, &workers](auto handler, Function work) {
    run(workers, [handler = UniqueHandler<Signature>(std::move(handler)),
                  work = std::move(work)]() mutable {
      Outcome outcome = outcome_of(std::move(work));  // what it captured goes before what follows
      std::apply(std::move(handler), std::move(outcome));
    });
  };
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, Signature>(
      std::move(initiate), boost::asio::use_awaitable, std::move(function));
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
  const auto time_limit =
      std::make_shared<TimeLimit>(context_host_.executor(), options_.request_timeout);
  const grpc::Status status = time_limit->apply(stop, [&](const std::stop_token& token) {
    return run_start(**plugin, spaces_, request, std::move(benchmark), reply, token,
                     options_.max_reply_bytes);
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
                                              sessions.options_.request_timeout)) {}

template <typename Run>
auto InlineExecutor::perform(const std::stop_source& stop, Run run) {
  using Outcome = std::invoke_result_t<Run&, std::stop_token>;
  return stop.stop_requested() ? Outcome(cancelled_before_its_turn())
                               : time_limit_->apply(stop.get_token(), run);
}

// After each task the session goes to the back of the pool's queue, so that one with much to do does
// not starve the others.
template <typename Run>
auto InlineExecutor::async_perform(std::stop_source stop, Run run) {
  return sessions_.async_run(sessions_.workers_,
                             [this, stop = std::move(stop), run] { return perform(stop, run); });
}

SessionExecutor::Operation<grpc::Status> InlineExecutor::step(StepExchange& step,
                                                              std::stop_source stop) {
  return async_perform(std::move(stop), [this, &step](const std::stop_token& token) {
    return run_step(*plugin_, sessions_.spaces_, step.request(), step.reply(), token,
                    sessions_.options_.max_reply_bytes, step.outcome());
  });
}

// As step(), with the turn in place of the coroutine.
bool InlineExecutor::try_step(StepExchange& step, const std::stop_source& stop, SessionTurn& turn) {
  const bool cheap = is_cheap(step.request());
  const auto run = [this, &step](const std::stop_token& token) {
    return run_step(*plugin_, sessions_.spaces_, step.request(), step.reply(), token,
                    sessions_.options_.max_reply_bytes, step.outcome());
  };
  sessions_.run(
      sessions_.workers_,
      [this, stop, run, turn = std::move(turn)]() mutable { turn.finish(perform(stop, run)); },
      cheap);
  return true;
}

// What throws here is left to the step to find out.
bool InlineExecutor::is_cheap(const StepRequest& request) const {
  try {
    return plugin_->isCheap(request);
  } catch (...) {
    return false;
  }
}

SessionExecutor::Operation<SessionExecutor::ParametersOutcome> InlineExecutor::set_parameters(
    const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
    std::stop_source stop) {
  ParametersOutcome outcome;
  auto run = [this, &request, &reply, &outcome](const std::stop_token& token) {
    const int already = reply.reply_size();
    const grpc::Status status = run_parameters(*plugin_, request, reply, token);
    for (int i = already; i < reply.reply_size() && !outcome.changed; ++i) {
      outcome.changed = !plugin_->isQuery(request.parameter(i).key());
    }
    return status;
  };
  outcome.status = co_await async_perform(std::move(stop), run);
  co_return outcome;
}

SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> InlineExecutor::fork(
    std::stop_source stop) {
  return async_perform(std::move(stop),
                       [this](const std::stop_token& token) { return make_fork(token); });
}

bool InlineExecutor::try_fork(const std::stop_source& stop, ForkHandler& handler) {
  const auto run = [this](const std::stop_token& token) { return make_fork(token); };
  sessions_.run(sessions_.workers_, [this, stop, run, handler = std::move(handler)]() mutable {
    handler(perform(stop, run));
  });
  return true;
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
SessionExecutor::Operation<void> InlineExecutor::end() {
  return sessions_.async_run(sessions_.context_host_.workers(),
                             [plugin = std::move(plugin_)]() mutable { plugin.reset(); });
}

bool InlineExecutor::try_end(EndHandler& handler) {
  sessions_.run(sessions_.context_host_.workers(),
                [plugin = std::move(plugin_), handler = std::move(handler)]() mutable {
                  plugin.reset();
                  handler();
                });
  return true;
}

}  // namespace compiler_gym::internal

// How a GraphExecutor's own executor gets to where the session stands.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/support/status.h"
#include "sessions/graph/graph_executor.h"
#include "sessions/graph/step_keys.h"

namespace compiler_gym::graph {

using boost::asio::use_awaitable;

SessionExecutor::Operation<grpc::Status> GraphExecutor::bring_executor(std::stop_source stop) {
  co_await sessions_.make_room();
  if (place_.has_executor() && seat_->executor == nullptr) {
    place_.on_executor_gone();
  }
  PlaceAction next = place_.begin(stop.stop_requested());
  publish();
  for (;;) {
    switch (next.kind) {
      case PlaceAction::Kind::kAsk:
        co_return grpc::Status::OK;
      case PlaceAction::Kind::kStart:
        next = co_await start_executor(stop);
        break;
      case PlaceAction::Kind::kSettings: {
        const grpc::Status sent = co_await send_settings(stop);
        next = place_.on_replayed(sent, stop.stop_requested());
        break;
      }
      case PlaceAction::Kind::kReplay: {
        const grpc::Status done = co_await replay(std::move(next.part), stop);
        next = place_.on_replayed(done, stop.stop_requested());
        break;
      }
      case PlaceAction::Kind::kRefuse: {
        const std::unique_ptr<SessionExecutor> useless =
            place_.has_executor() ? nullptr : std::move(seat_->executor);
        publish();
        if (useless != nullptr) {
          co_await useless->end();
        }
        co_return next.status;
      }
    }
  }
}

SessionExecutor::Operation<PlaceAction> GraphExecutor::start_executor(std::stop_source stop) {
  seat_->executor.reset();  // what an exception may have left
  if (std::optional<PlaceAction> borrowed = co_await borrow_executor(stop)) {
    co_return *std::move(borrowed);
  }
  // A file is looked at, and an inline session is initialised by the thread that starts it.
  co_await boost::asio::post(sessions_.parts_.workers.executor(), use_awaitable);
  if (sessions_.program_stamp(*start_.state.benchmark) != start_.state.program_stamp) {
    co_return place_.on_program_changed();
  }
  SessionOrigin origin{.benchmark = start_.state.benchmark,
                       .action_space = start_.state.action_space,
                       .executor = start_.executor,
                       .client = start_.client};
  Result<std::unique_ptr<SessionExecutor>> started =
      co_await sessions_.parts_.start(std::move(origin), stop);
  if (!started) {
    co_return place_.on_started(started.error(), stop.stop_requested());
  }
  seat_->executor = *std::move(started);
  co_return place_.on_started(grpc::Status::OK, stop.stop_requested());
}

// If it is to be had at once. Once: afterwards this session is on ways of its own.
SessionExecutor::Operation<std::optional<PlaceAction>> GraphExecutor::borrow_executor(
    std::stop_source stop) {
  const std::shared_ptr<ExecutorSeat> lender = std::exchange(lender_, {}).lock();
  if (lender == nullptr || !lender->try_take()) {
    co_return std::nullopt;
  }
  const SeatLease lease(lender);
  const StateGraph::State there = lender->at;
  if (lender->executor == nullptr || !place_.can_borrow(there, lender->settings)) {
    co_return std::nullopt;
  }
  Result<std::unique_ptr<SessionExecutor>> forked = co_await lender->executor->fork(stop);
  if (!forked) {
    co_return std::nullopt;
  }
  seat_->executor = *std::move(forked);
  co_return place_.on_borrowed(there, stop.stop_requested());
}

SessionExecutor::Operation<grpc::Status> GraphExecutor::send_settings(std::stop_source stop) {
  SendSessionParameterRequest request;
  for (const auto& [key, value] : place_.settings()) {
    SessionParameter& parameter = *request.add_parameter();
    parameter.set_key(key);
    parameter.set_value(value);
  }
  SendSessionParameterReply reply;
  const ParametersOutcome outcome =
      co_await seat_->executor->set_parameters(request, reply, std::move(stop));
  co_return outcome.status;
}

SessionExecutor::Operation<grpc::Status> GraphExecutor::replay(StateGraph::Part part,
                                                               std::stop_source stop) {
  constexpr const char* kNotOurs = "The state graph holds a change that nobody has made";
  if (part.is_parameter) {
    SendSessionParameterRequest request;
    SendSessionParameterReply reply;
    if (!parse_change(part.changes.front(), *request.add_parameter())) {
      co_return internal_error(kNotOurs);
    }
    const ParametersOutcome outcome =
        co_await seat_->executor->set_parameters(request, reply, std::move(stop));
    co_return outcome.status;
  }
  StepRequest request;
  StepReply reply;
  for (const std::string& change : part.changes) {
    if (!parse_change(change, *request.add_action())) {
      co_return internal_error(kNotOurs);
    }
  }
  StepExchange step(request, reply);
  co_return co_await seat_->executor->step(step, std::move(stop));
}

}  // namespace compiler_gym::graph

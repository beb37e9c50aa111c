// The parameters that clients send to a session, among them which executor it is to have.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "sessions/internal/service_parameters.h"
#include "sessions/session_service.h"

namespace compiler_gym {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

// The session is asked first; what it does not know, the service may.
SessionService::Operation SessionService::set_parameters(Session& session,
                                                         const SendSessionParameterRequest& request,
                                                         SendSessionParameterReply& reply,
                                                         std::stop_source stop) {
  for (;;) {
    const int already = reply.reply_size();
    const auto [status, changed] = co_await session.executor().set_parameters(request, reply, stop);
    if (!session.origin().acted && changed) {
      session.origin().parameters.mutable_parameter()->Add(
          request.parameter().begin() + already, request.parameter().begin() + reply.reply_size());
    }
    if (!status.ok() || reply.reply_size() == request.parameter_size()) {
      co_return status;
    }
    Result<std::string> answer =
        co_await set_service_parameter(session, request.parameter(reply.reply_size()), stop);
    if (!answer) {
      co_return answer.error();
    }
    reply.add_reply(*std::move(answer));
  }
}

awaitable<Result<std::string>> SessionService::set_service_parameter(
    Session& session, const SessionParameter& parameter, std::stop_source stop) {
  if (parameter.key() != "service.executor") {
    if (isolated_sessions_ != nullptr) {
      if (const auto figure = isolated_sessions_->figure(parameter.key())) {
        co_return std::to_string(*figure);
      }
    }
    co_return internal::handle_service_parameter(context_host_, parameter.key(), parameter.value());
  }
  const grpc::Status status = co_await set_executor(session, parameter.value(), std::move(stop));
  co_return status.ok() ? Result<std::string>(parameter.value()) : Result<std::string>(status);
}

SessionService::Operation SessionService::set_executor(Session& session, const std::string& value,
                                                       std::stop_source stop) {
  const bool isolate = value == "isolated";
  const ExecutorKind kind = isolate ? ExecutorKind::kIsolated : ExecutorKind::kInline;
  if (!isolate && value != "inline") {
    co_return invalid_argument("service.executor: expected inline or isolated, received: '" +
                               value + "'");
  }
  if (isolate && isolated_sessions_ == nullptr) {
    co_return invalid_argument(
        "service.executor: sessions of this service share what they change, and can't be isolated");
  }
  if (!(isolate ? options_.allow_isolated : options_.allow_inline)) {
    co_return invalid_argument("service.executor: this service does not allow " + value +
                               " (--allow_executors)");
  }
  if (session.origin().acted) {
    co_return invalid_argument("service.executor: can be set before the first action only");
  }
  if (kind == session.origin().executor) {
    co_return grpc::Status::OK;
  }
  // An inline session is initialised by the thread that starts it.
  co_await boost::asio::post(workers_.executor(), use_awaitable);
  co_return co_await restart_on(kind, session, std::move(stop));
}

SessionService::Operation SessionService::restart_on(ExecutorKind kind, Session& session,
                                                     std::stop_source stop) {
  SessionOrigin moved = session.origin();
  moved.executor = kind;
  StartSessionRequest start;
  start.set_action_space(moved.action_space);
  StartSessionReply started;
  Result<std::unique_ptr<SessionExecutor>> executor =
      co_await start_executor(moved, start, started, stop);
  if (!executor) {
    co_return executor.error();
  }
  SendSessionParameterReply set;
  const SessionExecutor::ParametersOutcome outcome =
      co_await (*executor)->set_parameters(session.origin().parameters, set, stop);
  if (!outcome.status.ok()) {
    co_return outcome.status;
  }
  session.origin().executor = kind;
  const std::unique_ptr<SessionExecutor> before = session.replace_executor(*std::move(executor));
  co_await before->end();
  co_return grpc::Status::OK;
}

}  // namespace compiler_gym

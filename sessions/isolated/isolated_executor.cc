#include "sessions/isolated/isolated_executor.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "sessions/internal/step_bytes.h"
#include "sessions/session_rules.h"

namespace compiler_gym::isolated {

using boost::asio::use_awaitable;

namespace {

grpc::Status cannot_be_parsed() {
  return internal_error("A sandbox process sent what can't be parsed");
}

grpc::Status parse(const SandboxReply& from, google::protobuf::MessageLite& reply) {
  if (!from.status.ok()) {
    return from.status;
  }
  return reply.ParseFromString(from.message) ? grpc::Status::OK : cannot_be_parsed();
}

std::string abbreviated(const Event& action) {
  constexpr std::size_t kMaxSize = 60;
  std::string text = action.ShortDebugString();
  if (text.size() > kMaxSize) {
    text = text.substr(0, kMaxSize) + "...";
  }
  return text;
}

// Where in a step something went wrong.
std::string place_in(const StepRequest& request, std::uint32_t applied) {
  const auto done = static_cast<int>(applied);
  if (done < request.action_size()) {
    return fmt::format("Session {}, action {} of {} ({})", request.session_id(), done + 1,
                       request.action_size(), abbreviated(request.action(done)));
  }
  return fmt::format("Session {}, after its {} actions", request.session_id(), done);
}

void say_where(SandboxReply& reply, const std::string& where) {
  reply.status =
      grpc::Status(reply.status.error_code(), where + ": " + reply.status.error_message());
}

}  // namespace

IsolatedExecutor::IsolatedExecutor(IsolatedSessions& sessions, ClientId client, TemplateKey key,
                                   std::shared_ptr<SandboxChannel> sandbox)
    : IsolatedExecutor(sessions, client, std::move(key), std::move(sandbox),
                       SessionRecovery(sessions.options_.recover)) {}

IsolatedExecutor::IsolatedExecutor(IsolatedSessions& sessions, ClientId client, TemplateKey key,
                                   std::shared_ptr<SandboxChannel> sandbox,
                                   SessionRecovery recovery)
    : sessions_(sessions),
      client_(client),
      key_(std::move(key)),
      sandbox_(std::move(sandbox)),
      recovery_(std::move(recovery)) {}

// ----------------------------------------------------------------------------------- operations

SessionExecutor::Operation<grpc::Status> IsolatedExecutor::step(StepExchange& step,
                                                                std::stop_source stop) {
  const StepRequest& request = step.request();
  const bool recorded = step.outcome() != nullptr;
  SandboxReply performed =
      co_await perform(recorded ? SandboxOperation::kRecordedStep : SandboxOperation::kStep,
                       SandboxMessage(request, step.request_bytes()), std::move(stop));
  if (performed.sandbox_lost) {
    say_where(performed, place_in(request, performed.applied));
    performed.status = after_actions(performed.status, static_cast<int>(performed.applied),
                                     request.action_size(), sessions_.options_.recover);
  }
  recovery_.record(request, performed);
  if (performed.status.ok() && recorded &&
      !internal::take_outcome(performed.message, *step.outcome())) {
    co_return cannot_be_parsed();
  }
  if (performed.status.ok()) {
    step.set_reply_bytes(std::move(performed.message));
  }
  co_return performed.status;
}

SessionExecutor::Operation<SessionExecutor::ParametersOutcome> IsolatedExecutor::set_parameters(
    const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
    std::stop_source stop) {
  SendSessionParameterRequest offered;
  offered.mutable_parameter()->Add(request.parameter().begin() + reply.reply_size(),
                                   request.parameter().end());
  SandboxReply performed =
      co_await perform(SandboxOperation::kParameters, offered, std::move(stop));
  if (performed.sandbox_lost) {
    say_where(performed, fmt::format("Session {}", request.session_id()));
  }
  recovery_.record(offered, performed);
  SendSessionParameterReply answers;
  ParametersOutcome outcome{.status = parse(performed, answers), .changed = performed.changes > 0};
  reply.MergeFrom(answers);
  co_return outcome;
}

SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> IsolatedExecutor::fork(
    std::stop_source stop) {
  RecoveryAction next = recovery_.begin(stop.stop_requested());
  if (next.kind == RecoveryAction::Kind::kRefuse) {
    co_return next.status;
  }
  const RunTicket ticket{.kind = RunTicket::Kind::kStart, .client = client_};
  Result<RunLimit::Permit> permit =
      co_await sessions_.run_limit_->async_acquire(ticket, stop, use_awaitable);
  if (!permit) {
    co_return permit.error();
  }
  next = recovery_.begin(stop.stop_requested());
  for (;;) {
    next = co_await restore(std::move(next), *permit, stop);
    if (next.kind == RecoveryAction::Kind::kRefuse) {
      co_return next.status;
    }
    const Result<std::shared_ptr<SandboxChannel>> forked =
        co_await sandbox_->async_fork(stop, use_awaitable);
    if (forked) {
      std::unique_ptr<SessionExecutor> fork =
          std::make_unique<IsolatedExecutor>(sessions_, client_, key_, *forked, recovery_.forked());
      co_return fork;
    }
    if (forked.error().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      grpc::Status room =
          co_await sessions_.templates_->async_make_room(forked.error(), *permit, ticket, stop);
      if (!room.ok()) {
        co_return room;
      }
      continue;
    }
    next = recovery_.on_forked(forked.error(), stop.stop_requested());
    drop_lost_sandbox();
    if (next.kind == RecoveryAction::Kind::kDone) {
      co_return forked.error();
    }
  }
}

bool IsolatedExecutor::recycle() {
  if (!sessions_.options_.recycle.enabled || sandbox_ == nullptr || !sandbox_->is_recyclable()) {
    return false;
  }
  sessions_.templates_->recycle(key_, client_, std::exchange(sandbox_, nullptr));
  return true;
}

bool IsolatedExecutor::try_end(EndHandler& handler) {
  if (!recycle()) {
    return false;
  }
  EndHandler ended = std::move(handler);
  ended();
  return true;
}

SessionExecutor::Operation<void> IsolatedExecutor::end() {
  if (recycle()) {
    co_return;
  }
  if (const std::shared_ptr<SandboxChannel> sandbox = std::exchange(sandbox_, nullptr)) {
    co_await sandbox->async_end(use_awaitable);
  }
}

// -------------------------------------------------------------------------------- one operation

SessionExecutor::Operation<SandboxReply> IsolatedExecutor::perform(SandboxOperation operation,
                                                                   SandboxMessage message,
                                                                   std::stop_source stop) {
  RecoveryAction next = recovery_.begin(stop.stop_requested());
  if (next.kind == RecoveryAction::Kind::kRefuse) {
    co_return SandboxReply{.status = std::move(next.status)};
  }
  // Given back before the answer, when this frame goes: whose turn is next runs first.
  const RunTicket ticket{.kind = RunTicket::Kind::kStep, .client = client_};
  RunLimit::Permit permit = sessions_.run_limit_->try_acquire(ticket);
  if (!permit) {
    Result<RunLimit::Permit> granted =
        co_await sessions_.run_limit_->async_acquire(ticket, stop, use_awaitable);
    if (!granted) {
      co_return SandboxReply{.status = granted.error()};
    }
    permit = *std::move(granted);
    next = recovery_.begin(stop.stop_requested());  // it may have been cancelled just then
    if (next.kind == RecoveryAction::Kind::kRefuse) {
      co_return SandboxReply{.status = std::move(next.status)};
    }
  }
  for (;;) {
    if (next.kind != RecoveryAction::Kind::kAsk) {
      next = co_await restore(std::move(next), permit, stop);
    }
    if (next.kind == RecoveryAction::Kind::kRefuse) {
      co_return SandboxReply{.status = std::move(next.status)};
    }
    SandboxReply reply = co_await sandbox_->async_request(operation, message, stop, use_awaitable);
    next = recovery_.on_answered(reply, stop.stop_requested());
    drop_lost_sandbox();
    if (next.kind == RecoveryAction::Kind::kDone) {
      co_return reply;
    }
  }
}

void IsolatedExecutor::drop_lost_sandbox() {
  if (!recovery_.has_sandbox()) {
    sandbox_.reset();
  }
}

// ------------------------------------------------------------------------------------- recovery

// Until the session can be asked, or never will be.
SessionExecutor::Operation<RecoveryAction> IsolatedExecutor::restore(RecoveryAction next,
                                                                     RunLimit::Permit& permit,
                                                                     std::stop_source stop) {
  for (;;) {
    switch (next.kind) {
      case RecoveryAction::Kind::kLoad:
        next = co_await load(permit, stop);
        break;
      case RecoveryAction::Kind::kReplay:
        next = co_await replay(std::move(next.change), stop);
        break;
      case RecoveryAction::Kind::kAsk:
      case RecoveryAction::Kind::kRefuse:
      case RecoveryAction::Kind::kDone:
        co_return next;
    }
  }
}

SessionExecutor::Operation<RecoveryAction> IsolatedExecutor::load(RunLimit::Permit& permit,
                                                                  std::stop_source stop) {
  permit.reset();  // to load the benchmark takes one as well
  // To look at a file may take a while.
  co_await boost::asio::post(sessions_.workers_.executor(), use_awaitable);
  if (sessions_.options_.program_stamp &&
      sessions_.options_.program_stamp(*key_.benchmark) != key_.program_stamp) {
    co_return recovery_.on_program_changed();
  }
  const RunTicket ticket{.kind = RunTicket::Kind::kStep, .client = client_};
  Result<Templates::Forked> forked =
      co_await sessions_.templates_->async_fork(key_, ticket, std::move(stop), use_awaitable);
  if (!forked) {
    co_return recovery_.on_loaded(forked.error());
  }
  sandbox_ = std::move(forked->sandbox);
  permit = std::move(forked->permit);
  co_return recovery_.on_loaded(grpc::Status::OK);
}

SessionExecutor::Operation<RecoveryAction> IsolatedExecutor::replay(
    std::shared_ptr<const SessionChange> change, std::stop_source stop) {
  // Never empty, so the message itself is not looked at.
  const SandboxMessage message(StepRequest::default_instance(), change->request);
  const SandboxReply reply =
      co_await sandbox_->async_request(change->operation, message, stop, use_awaitable);
  RecoveryAction next = recovery_.on_replayed(reply.status, stop.stop_requested());
  drop_lost_sandbox();
  co_return next;
}

}  // namespace compiler_gym::isolated

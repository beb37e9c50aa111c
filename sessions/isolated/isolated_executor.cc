#include "sessions/isolated/isolated_executor.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "sessions/session_rules.h"

namespace compiler_gym::isolated {
namespace {

using ReplyHandler = SandboxChannel::ReplyHandler;

grpc::Status parse(const SandboxReply& from, google::protobuf::MessageLite& reply) {
  if (!from.status.ok()) {
    return from.status;
  }
  return reply.ParseFromString(from.message)
             ? grpc::Status::OK
             : internal_error("A sandbox process sent what can't be parsed");
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
std::string place(const StepRequest& request, std::uint32_t applied) {
  const auto done = static_cast<int>(applied);
  if (done < request.action_size()) {
    return fmt::format("Session {}, action {} of {} ({})", request.session_id(), done + 1,
                       request.action_size(), abbreviated(request.action(done)));
  }
  return fmt::format("Session {}, after its {} actions", request.session_id(), done);
}

void say_where(SandboxReply& reply, const std::string& where) {
  if (reply.sandbox_lost) {
    reply.status =
        grpc::Status(reply.status.error_code(), where + ": " + reply.status.error_message());
  }
}

}  // namespace

IsolatedExecutor::IsolatedExecutor(IsolatedSessions& sessions, TemplateKey key,
                                   std::shared_ptr<SandboxChannel> sandbox)
    : sessions_(sessions), key_(std::move(key)), sandbox_(std::move(sandbox)) {}

// ----------------------------------------------------------------------------------- operations

void IsolatedExecutor::step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                            StatusHandler handler) {
  perform(
      SandboxOperation::kStep, request, std::move(stop),
      ReplyHandler([this, &request, &reply,
                    handler = std::move(handler)](SandboxReply performed) mutable {
        say_where(performed, place(request, performed.applied));
        const int applied = std::min(static_cast<int>(performed.applied), request.action_size());
        if (applied > 0) {
          auto step = std::make_unique<StepRequest>();
          step->mutable_action()->Add(request.action().begin(), request.action().begin() + applied);
          record({.step = std::move(step), .accepted = performed.status.ok()});
        }
        handler(parse(performed, reply));
      }));
}

void IsolatedExecutor::set_parameters(const SendSessionParameterRequest& request,
                                      SendSessionParameterReply& reply, std::stop_source stop,
                                      StatusHandler handler) {
  auto offered = std::make_shared<SendSessionParameterRequest>();
  offered->mutable_parameter()->Add(request.parameter().begin() + reply.reply_size(),
                                    request.parameter().end());
  perform(SandboxOperation::kParameters, *offered, std::move(stop),
          ReplyHandler([this, &request, offered, &reply,
                        handler = std::move(handler)](SandboxReply performed) mutable {
            say_where(performed, fmt::format("Session {}", request.session_id()));
            const int applied =
                std::min(static_cast<int>(performed.applied), offered->parameter_size());
            if (applied > 0) {
              auto parameters = std::make_unique<SendSessionParameterRequest>();
              parameters->mutable_parameter()->Add(offered->parameter().begin(),
                                                   offered->parameter().begin() + applied);
              record({.parameters = std::move(parameters), .accepted = performed.status.ok()});
            }
            SendSessionParameterReply answers;
            const grpc::Status status = parse(performed, answers);
            reply.MergeFrom(answers);
            handler(status);
          }));
}

void IsolatedExecutor::fork(const ForkSessionRequest& /*request*/, std::stop_source stop,
                            StartedHandler handler) {
  fork_sandbox(std::move(stop), std::move(handler), false);
}

void IsolatedExecutor::fork_sandbox(std::stop_source stop, StartedHandler handler, bool again) {
  with_sandbox(stop, StatusHandler([this, stop, handler = std::move(handler),
                                    again](const grpc::Status& ready) mutable {
                 if (!ready.ok()) {
                   handler(ready);
                   return;
                 }
                 sandbox_->fork(
                     stop,
                     SandboxChannel::ChannelHandler(
                         [this, stop, handler = std::move(handler),
                          again](Result<std::shared_ptr<SandboxChannel>> sandbox) mutable {
                           if (sandbox) {
                             auto fork = std::make_unique<IsolatedExecutor>(sessions_, key_,
                                                                            *std::move(sandbox));
                             fork->history_ = history_;
                             handler(std::move(fork));
                           } else if (sandbox.error().error_code() == grpc::StatusCode::DATA_LOSS &&
                                      !again) {
                             sandbox_.reset();  // died since the last request
                             fork_sandbox(std::move(stop), std::move(handler), true);
                           } else {
                             handler(sandbox.error());
                           }
                         }));
               }));
}

void IsolatedExecutor::end(UniqueHandler<void()> handler) {
  if (const std::shared_ptr<SandboxChannel> sandbox = std::exchange(sandbox_, nullptr)) {
    sandbox->end(std::move(handler));
  } else {
    boost::asio::post(sessions_.host_->executor(), std::move(handler));
  }
}

// -------------------------------------------------------------------------------- one operation

void IsolatedExecutor::perform(SandboxOperation kind, const google::protobuf::MessageLite& message,
                               std::stop_source stop, ReplyHandler handler) {
  sessions_.run_limit_->acquire(
      stop, RunLimit::Handler([this, kind, &message, stop, handler = std::move(handler)](
                                  Result<RunLimit::Permit> permit) mutable {
        if (!permit) {
          handler({.status = permit.error(), .message = {}});
          return;
        }
        // Whose turn is next runs before this one is answered.
        perform_permitted(kind, message, std::move(stop),
                          ReplyHandler([permit = *std::move(permit),
                                        handler = std::move(handler)](SandboxReply reply) mutable {
                            permit.reset();
                            handler(std::move(reply));
                          }));
      }));
}

void IsolatedExecutor::perform_permitted(SandboxOperation kind,
                                         const google::protobuf::MessageLite& message,
                                         std::stop_source stop, ReplyHandler handler, bool again) {
  with_sandbox(
      stop, StatusHandler([this, kind, &message, stop, handler = std::move(handler),
                           again](grpc::Status ready) mutable {
        if (!ready.ok()) {
          handler({.status = std::move(ready), .message = {}});
          return;
        }
        sandbox_->request(
            kind, message, stop,
            ReplyHandler([this, kind, &message, stop, handler = std::move(handler),
                          again](SandboxReply reply) mutable {
              if (reply.never_began && !again && sessions_.options_.recover) {
                sandbox_.reset();  // died since the last request, of nothing that this one did
                perform_permitted(kind, message, std::move(stop), std::move(handler), true);
                return;
              }
              on_performed(reply);
              handler(std::move(reply));
            }));
      }));
}

void IsolatedExecutor::on_performed(SandboxReply& reply) {
  const bool broken = reply.status.error_code() == grpc::StatusCode::DATA_LOSS;
  if (!reply.sandbox_lost && !(broken && sessions_.options_.recover)) {
    return;
  }
  sandbox_.reset();
  if (!sessions_.options_.recover) {
    broken_ = data_loss("The session is lost: " + reply.status.error_message());
  }
}

void IsolatedExecutor::record(Change change) {
  if (sessions_.options_.recover) {
    history_.push_back(std::make_shared<const Change>(std::move(change)));
  }
}

// ------------------------------------------------------------------------------------- recovery

// Calls the handler inside the call if there is a sandbox, which is the rule.
void IsolatedExecutor::with_sandbox(std::stop_source stop, StatusHandler handler) {
  grpc::Status refusal = broken_;
  if (refusal.ok() && stop.stop_requested()) {
    refusal = cancelled_before_its_turn();
  }
  if (!refusal.ok()) {
    boost::asio::post(sessions_.host_->executor(),
                      [refusal = std::move(refusal), handler = std::move(handler)]() mutable {
                        handler(std::move(refusal));
                      });
  } else if (sandbox_ != nullptr) {
    handler(grpc::Status::OK);
  } else {
    restore(std::move(stop), std::move(handler));
  }
}

void IsolatedExecutor::restore(std::stop_source stop, StatusHandler handler) {
  // To look at a file may take a while.
  boost::asio::post(sessions_.workers_.executor(), [this, stop = std::move(stop),
                                                    handler = std::move(handler)]() mutable {
    if (sessions_.options_.program_stamp &&
        sessions_.options_.program_stamp(*key_.benchmark) != key_.program_stamp) {
      broken_ = data_loss("The session is lost: the program of its benchmark has changed");
      handler(broken_);
      return;
    }
    sessions_.templates_->fork(key_, stop,
                               SandboxChannel::ChannelHandler(
                                   [this, stop, handler = std::move(handler)](
                                       Result<std::shared_ptr<SandboxChannel>> sandbox) mutable {
                                     if (!sandbox) {
                                       handler(could_not_load(sandbox.error()));
                                       return;
                                     }
                                     sandbox_ = *std::move(sandbox);
                                     restore_from(0, std::move(stop), std::move(handler));
                                   }));
  });
}

// What is for want of something is tried again by the next request; the rest is for good.
grpc::Status IsolatedExecutor::could_not_load(const grpc::Status& why) {
  switch (why.error_code()) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::UNAVAILABLE:
      return why;
    default:
      broken_ = data_loss("The session is lost: its benchmark can't be loaded any more: " +
                          why.error_message());
      return broken_;
  }
}

void IsolatedExecutor::restore_from(std::size_t next, std::stop_source stop,
                                    StatusHandler handler) {
  if (next == history_.size()) {
    handler(grpc::Status::OK);
    return;
  }
  const Change& change = *history_[next];
  const bool is_step = change.step != nullptr;
  const google::protobuf::MessageLite* message = change.parameters.get();
  if (is_step) {
    message = change.step.get();
  }
  sandbox_->request(
      is_step ? SandboxOperation::kStep : SandboxOperation::kParameters, *message, stop,
      ReplyHandler([this, next, stop, handler = std::move(handler)](SandboxReply reply) mutable {
        on_replayed(next, std::move(reply), std::move(stop), std::move(handler));
      }));
}

void IsolatedExecutor::on_replayed(std::size_t index, SandboxReply reply, std::stop_source stop,
                                   StatusHandler handler) {
  if (reply.status.ok()) {
    restore_from(index + 1, std::move(stop), std::move(handler));
    return;
  }
  sandbox_.reset();
  if (stop.stop_requested()) {
    handler(
        cancelled("Cancelled while the session was being restored"));  // the next one tries again
    return;
  }
  if (!history_[index]->accepted) {
    history_.erase(history_.begin() + static_cast<std::ptrdiff_t>(index));
    restore(std::move(stop), std::move(handler));
    return;
  }
  broken_ =
      data_loss("The session is lost: it can't be restored, as what succeeded before fails now: " +
                reply.status.error_message());
  handler(broken_);
}

}  // namespace compiler_gym::isolated

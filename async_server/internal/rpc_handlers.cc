#include "async_server/internal/rpc_handlers.h"

#include <boost/asio/post.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/support/clock.h"
#include "core/support/status.h"

namespace compiler_gym::internal {
namespace {

template <typename Message>
concept NamesSession = requires(const Message& message) { message.session_id(); };

// One line per request, for those who asked for verbose logs.
class RequestLog {
 public:
  RequestLog(Logger& logger, const char* rpc)
      : logger_(logger),
        rpc_(rpc),
        started_(logger.enabled(LogLevel::kVerbose) ? Clock::now() : Clock::time_point()) {}

  template <typename Message>
  void answered(const Message& names_session, const grpc::Status& status) const {
    if (!logger_.enabled(LogLevel::kVerbose)) {
      return;
    }
    const auto microseconds =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count();
    if constexpr (NamesSession<Message>) {
      logger_.verbose("{} session {}: {} after {} us", rpc_, names_session.session_id(),
                      to_string(status), microseconds);
    } else {
      logger_.verbose("{}: {} after {} us", rpc_, to_string(status), microseconds);
    }
  }

 private:
  Logger& logger_;
  const char* rpc_;
  Clock::time_point started_;
};

template <typename Call>
void answer(std::unique_ptr<Call, typename Call::LetGo> call,
            const google::protobuf::MessageLite& reply, const grpc::Status& status) {
  if (status.ok()) {
    Call::finish(std::move(call), reply);
  } else {
    Call::finish(std::move(call), status);
  }
}

}  // namespace

template <typename Call>
RpcHandlers<Call>::RpcHandlers(SessionService& service, WorkerPool& start_workers, Logger& logger,
                               std::string service_version)
    : service_(service),
      start_workers_(start_workers),
      logger_(logger),
      service_version_(std::move(service_version)) {}

// Parses on this thread: such requests are small, and which session to queue at must be known.
template <typename Call>
template <typename Request, typename Reply, typename Start>
void RpcHandlers<Call>::in_session(const char* rpc, CallPtr call, Start start) {
  const RequestLog log(logger_, rpc);
  Request& request = call->template make_message<Request>();
  if (const grpc::Status parsed = call->parse_request(request); !parsed.ok()) {
    Call::finish(std::move(call), parsed);
    return;
  }
  Reply& reply = call->template make_message<Reply>();
  const std::stop_source stop = call->stop();
  start(request, reply, stop,
        [log, &request, &reply, call = std::move(call)](const grpc::Status& status) mutable {
          log.answered(request, status);
          answer(std::move(call), reply, status);
        });
}

// Parses on the worker. The request is not in the call's arena, so that its benchmarks can be moved
// out of it.
template <typename Call>
template <typename Request, typename Reply, typename Start>
void RpcHandlers<Call>::on_start_worker(const char* rpc, CallPtr call, Start start) {
  boost::asio::post(start_workers_.executor(),
                    [log = RequestLog(logger_, rpc), call = std::move(call), start]() mutable {
                      auto request = std::make_unique<Request>();
                      if (const grpc::Status parsed = call->parse_request(*request); !parsed.ok()) {
                        Call::finish(std::move(call), parsed);
                        return;
                      }
                      Request& kept = *request;
                      Reply& reply = call->template make_message<Reply>();
                      const std::stop_source stop = call->stop();
                      start(kept, reply, stop,
                            [log, request = std::move(request), &reply,
                             call = std::move(call)](const grpc::Status& status) mutable {
                              log.answered(reply, status);
                              answer(std::move(call), reply, status);
                            });
                    });
}

template <typename Call>
void RpcHandlers<Call>::get_version(CallPtr call) {
  auto& reply = call->template make_message<GetVersionReply>();
  reply.set_service_version(service_version_);
  reply.set_compiler_version(service_.spaces().compiler_version());
  Call::finish(std::move(call), reply);
}

template <typename Call>
void RpcHandlers<Call>::get_spaces(CallPtr call) {
  Call::finish(std::move(call), service_.spaces().reply());
}

template <typename Call>
void RpcHandlers<Call>::start_session(CallPtr call) {
  on_start_worker<StartSessionRequest, StartSessionReply>(
      "StartSession", std::move(call),
      [this](auto& request, auto& reply, std::stop_source stop, auto handler) {
        service_.async_start_session(request, reply, std::move(stop), std::move(handler));
      });
}

template <typename Call>
void RpcHandlers<Call>::add_benchmark(CallPtr call) {
  on_start_worker<AddBenchmarkRequest, AddBenchmarkReply>(
      "AddBenchmark", std::move(call),
      [this](auto& request, auto& /*reply*/, std::stop_source /*stop*/, auto handler) {
        service_.add_benchmarks(request);
        handler(grpc::Status::OK);
      });
}

template <typename Call>
void RpcHandlers<Call>::fork_session(CallPtr call) {
  in_session<ForkSessionRequest, ForkSessionReply>(
      "ForkSession", std::move(call),
      [this](const auto& request, auto& reply, std::stop_source stop, auto handler) {
        service_.async_fork_session(request, reply, std::move(stop), std::move(handler));
      });
}

template <typename Call>
void RpcHandlers<Call>::end_session(CallPtr call) {
  in_session<EndSessionRequest, EndSessionReply>(
      "EndSession", std::move(call),
      [this](const auto& request, auto& reply, std::stop_source /*stop*/, auto handler) {
        if constexpr (Call::kInOrder) {
          service_.async_end_session_in_turn(request, reply, std::move(handler));
        } else {
          service_.async_end_session(request, reply, std::move(handler));
        }
      });
}

template <typename Call>
void RpcHandlers<Call>::step(CallPtr call) {
  in_session<StepRequest, StepReply>(
      "Step", std::move(call),
      [this](const auto& request, auto& reply, std::stop_source stop, auto handler) {
        service_.async_step(request, reply, std::move(stop), std::move(handler));
      });
}

template <typename Call>
void RpcHandlers<Call>::send_session_parameter(CallPtr call) {
  in_session<SendSessionParameterRequest, SendSessionParameterReply>(
      "SendSessionParameter", std::move(call),
      [this](const auto& request, auto& reply, std::stop_source stop, auto handler) {
        service_.async_send_session_parameter(request, reply, std::move(stop), std::move(handler));
      });
}

template <typename Call>
const std::array<Method<Call>, kMethodCount>& methods() {
  using enum RequestKind;
  using Handlers = RpcHandlers<Call>;
  static constexpr std::array<Method<Call>, kMethodCount> kMethods{{
      {&Handlers::get_version, false, kFree},
      {&Handlers::get_spaces, false, kFree},
      {&Handlers::start_session, true, kStart},
      {&Handlers::fork_session, true, kInSession},
      {&Handlers::end_session, false, kFree},
      {&Handlers::step, true, kInSession},
      {&Handlers::add_benchmark, false, kStart},
      {&Handlers::send_session_parameter, true, kInSession},
  }};
  return kMethods;
}

const std::array<UnaryCall::Request, kMethodCount>& unary_requests() {
  static constexpr std::array<UnaryCall::Request, kMethodCount> kRequests{
      &WireService::RequestGetVersion,   &WireService::RequestGetSpaces,
      &WireService::RequestStartSession, &WireService::RequestForkSession,
      &WireService::RequestEndSession,   &WireService::RequestStep,
      &WireService::RequestAddBenchmark, &WireService::RequestSendSessionParameter,
  };
  return kRequests;
}

template class RpcHandlers<UnaryCall>;
template class RpcHandlers<StreamedRequest>;
template const std::array<Method<UnaryCall>, kMethodCount>& methods();
template const std::array<Method<StreamedRequest>, kMethodCount>& methods();

}  // namespace compiler_gym::internal

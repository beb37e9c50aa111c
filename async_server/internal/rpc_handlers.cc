#include "async_server/internal/rpc_handlers.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "async_server/internal/rpc_service.h"
#include "async_server/internal/wire_service.h"
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
void answer(std::unique_ptr<Call, typename Call::Deleter> call,
            const google::protobuf::MessageLite& reply, const grpc::Status& status) {
  if (status.ok()) {
    Call::finish(std::move(call), reply);
  } else {
    Call::finish(std::move(call), status);
  }
}

template <typename Rpc, typename Call, typename Done>
void start(SessionService& service, typename Rpc::Request& request, typename Rpc::Reply& reply,
           ClientId client, const std::stop_source& stop, Done done) {
  constexpr bool kIsAClients =
      requires { RpcService<Rpc>::start(service, request, reply, client, stop, std::move(done)); };
  constexpr bool kHasATurn =
      requires { RpcService<Rpc>::start_in_turn(service, request, reply, stop, std::move(done)); };
  if constexpr (Call::kInOrder && kHasATurn) {
    RpcService<Rpc>::start_in_turn(service, request, reply, stop, std::move(done));
  } else if constexpr (kIsAClients) {
    RpcService<Rpc>::start(service, request, reply, client, stop, std::move(done));
  } else {
    RpcService<Rpc>::start(service, request, reply, stop, std::move(done));
  }
}

}  // namespace

template <typename Call>
template <typename Rpc>
void RpcHandlers<Call>::handle(CallPtr call) {
  if constexpr (kAnsweredAtOnce<Rpc>) {
    auto& reply = call->arena().template make<typename Rpc::Reply>();
    const auto& answer = RpcService<Rpc>::answer(service_, reply);
    Call::finish(std::move(call), answer);
  } else if constexpr (RpcService<Rpc>::kThread == RpcThread::kStartWorker) {
    start_on_start_worker<Rpc>(std::move(call));
  } else if (!Call::kInOrder && call->request_bytes() > kMaxParsedOnArrival) {
    const ClientTurns::Executor workers = start_workers_.executor(call->client());
    boost::asio::post(workers, [this, call = std::move(call)]() mutable {
      start_on_this_thread<Rpc>(std::move(call));
    });
  } else {
    start_on_this_thread<Rpc>(std::move(call));
  }
}

template <typename Call>
template <typename Rpc>
void RpcHandlers<Call>::start_on_this_thread(CallPtr call) {
  if constexpr (kForwardsBytes<Rpc>) {
    start_forwarding<Rpc>(std::move(call));
  } else {
    start_parsed<Rpc>(std::move(call));
  }
}

template <typename Call>
template <typename Rpc>
void RpcHandlers<Call>::start_parsed(CallPtr call) {
  const RequestLog log(logger_, Rpc::kName);
  auto& request = call->arena().template make<typename Rpc::Request>();
  if (const grpc::Status parsed = call->parse_request(request); !parsed.ok()) {
    Call::finish(std::move(call), parsed);
    return;
  }
  auto& reply = call->arena().template make<typename Rpc::Reply>();
  const std::stop_source stop = call->stop();
  start<Rpc, Call>(
      service_, request, reply, ClientId(), stop,
      [log, &request, &reply, call = std::move(call)](const grpc::Status& status) mutable {
        log.answered(request, status);
        answer(std::move(call), reply, status);
      });
}

// As start_parsed(), with the bytes beside the messages.
template <typename Call>
template <typename Rpc>
void RpcHandlers<Call>::start_forwarding(CallPtr call) {
  const RequestLog log(logger_, Rpc::kName);
  auto& request = call->arena().template make<typename Rpc::Request>();
  const Result<std::string_view> bytes = call->parse_and_keep_request(request);
  if (!bytes) {
    Call::finish(std::move(call), bytes.error());
    return;
  }
  auto& reply = call->arena().template make<typename Rpc::Reply>();
  using Exchange = typename RpcService<Rpc>::Exchange;
  auto& exchange = call->arena().template make_object<Exchange>(request, reply, *bytes);
  const std::stop_source stop = call->stop();
  RpcService<Rpc>::start(
      service_, exchange, stop,
      [log, &exchange, call = std::move(call)](const grpc::Status& status) mutable {
        log.answered(exchange.request(), status);
        if (status.ok() && exchange.reply_is_bytes()) {
          Call::finish(std::move(call), exchange.take_reply_bytes());
        } else {
          answer(std::move(call), exchange.reply(), status);
        }
      });
}

// Parses on the worker. The request is not in the call's arena, so that its benchmarks can be moved
// out of it.
template <typename Call>
template <typename Rpc>
void RpcHandlers<Call>::start_on_start_worker(CallPtr call) {
  const ClientId client = call->client();
  boost::asio::post(
      start_workers_.executor(client),
      [this, client, log = RequestLog(logger_, Rpc::kName), call = std::move(call)]() mutable {
        auto request = std::make_unique<typename Rpc::Request>();
        if (const grpc::Status parsed = call->parse_request(*request); !parsed.ok()) {
          Call::finish(std::move(call), parsed);
          return;
        }
        auto& kept = *request;
        auto& reply = call->arena().template make<typename Rpc::Reply>();
        const std::stop_source stop = call->stop();
        start<Rpc, Call>(service_, kept, reply, client, stop,
                         [log, request = std::move(request), &reply,
                          call = std::move(call)](const grpc::Status& status) mutable {
                           log.answered(reply, status);
                           answer(std::move(call), reply, status);
                         });
      });
}

namespace {

template <typename Rpc, typename Call>
constexpr Method<Call> method() {
  return {&RpcHandlers<Call>::template handle<Rpc>, RpcService<Rpc>::kCancellable,
          RpcService<Rpc>::kAdmission};
}

// Indexed by field, so that a stream's thread looks nothing up.
template <typename... Rpcs>
constexpr auto stream_methods_by_field(rpc::List<Rpcs...> /*rpcs*/) {
  std::array<Method<StreamedRequest>, std::max({Rpcs::kField...}) + 1> methods{};
  ((methods[Rpcs::kField] = method<Rpcs, StreamedRequest>()), ...);
  return methods;
}

}  // namespace

const std::vector<UnaryMethod>& unary_methods() {
  static const std::vector<UnaryMethod> kMethods = []<typename... Rpcs>(rpc::List<Rpcs...>) {
    return std::vector<UnaryMethod>{
        {method<Rpcs, IncomingCall>(), Rpcs::template kAccept<WireService>}...};
  }(rpc::All());
  return kMethods;
}

const Method<StreamedRequest>* stream_method(int field) {
  static constexpr auto kMethods = stream_methods_by_field(rpc::All());
  const auto index = static_cast<std::size_t>(field);
  return index < kMethods.size() && kMethods[index].handle != nullptr ? &kMethods[index] : nullptr;
}

}  // namespace compiler_gym::internal

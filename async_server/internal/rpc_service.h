// What the service does with each RPC: how it is let in, where it runs, what it asks of the sessions.
#pragma once

#include <stop_token>
#include <utility>

#include "async_server/internal/request_budget.h"
#include "async_server/version.h"
#include "proto/rpcs.h"
#include "sessions/session_service.h"

namespace compiler_gym::internal {

/// Where a request is parsed and handled.
enum class RpcThread {
  kArrival,      ///< where it arrives if it is small, as its session decides what comes next
  kStartWorker,  ///< it may be large, and start() below blocks
};

/// What all of them say unless they say otherwise.
struct RpcServiceDefaults {
  /// A client that leaves, or an application that cancels, ends the work.
  static constexpr bool kCancellable = true;
  static constexpr RpcThread kThread = RpcThread::kArrival;
};

/// The traits of one RPC, one specialisation each. Besides the constants there is one of
///   answer(service, reply)                       what is known already; the request says nothing
///   start(service, request, reply, stop, done)   calls done(grpc::Status) once, with the reply made
/// the latter with the client before `stop` too where it matters whose request it is (one that is parsed
/// on a start worker), and start_in_turn(), with the parameters of start(), where a request that has its place in a
/// client's order is another matter.
template <typename Rpc>
struct RpcService;

template <>
struct RpcService<rpc::GetVersion> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kAlways;
  static constexpr bool kCancellable = false;

  static const GetVersionReply& answer(const SessionService& service, GetVersionReply& reply) {
    reply.set_service_version(service_version());
    reply.set_compiler_version(service.spaces().compiler_version());
    return reply;
  }
};

template <>
struct RpcService<rpc::GetSpaces> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kAlways;
  static constexpr bool kCancellable = false;

  // Copies nothing.
  static const GetSpacesReply& answer(const SessionService& service, GetSpacesReply& /*reply*/) {
    return service.spaces().reply();
  }
};

template <>
struct RpcService<rpc::StartSession> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kStart;
  static constexpr RpcThread kThread = RpcThread::kStartWorker;

  template <typename Done>
  static void start(SessionService& service, StartSessionRequest& request, StartSessionReply& reply,
                    std::stop_source stop, Done done) {
    start(service, request, reply, ClientId(), std::move(stop), std::move(done));
  }
  template <typename Done>
  static void start(SessionService& service, StartSessionRequest& request, StartSessionReply& reply,
                    ClientId client, std::stop_source stop, Done done) {
    service.async_start_session(request, reply, client, std::move(stop), std::move(done));
  }
};

template <>
struct RpcService<rpc::ForkSession> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kInSession;

  template <typename Done>
  static void start(SessionService& service, const ForkSessionRequest& request,
                    ForkSessionReply& reply, std::stop_source stop, Done done) {
    service.async_fork_session(request, reply, std::move(stop), std::move(done));
  }
};

template <>
struct RpcService<rpc::EndSession> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kAlways;
  static constexpr bool kCancellable = false;

  template <typename Done>
  static void start(SessionService& service, const EndSessionRequest& request,
                    EndSessionReply& reply, const std::stop_source& /*stop*/, Done done) {
    service.async_end_session(request, reply, std::move(done));
  }
  template <typename Done>
  static void start_in_turn(SessionService& service, const EndSessionRequest& request,
                            EndSessionReply& reply, const std::stop_source& /*stop*/, Done done) {
    service.async_end_session_in_turn(request, reply, std::move(done));
  }
};

template <>
struct RpcService<rpc::Step> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kInSession;

  template <typename Done>
  static void start(SessionService& service, const StepRequest& request, StepReply& reply,
                    std::stop_source stop, Done done) {
    service.async_step(request, reply, std::move(stop), std::move(done));
  }

  /// For who can send a reply's bytes as they are.
  using Exchange = StepExchange;
  template <typename Done>
  static void start(SessionService& service, StepExchange& exchange, std::stop_source stop,
                    Done done) {
    service.async_step(exchange, std::move(stop), std::move(done));
  }
};

template <>
struct RpcService<rpc::AddBenchmark> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kStart;
  static constexpr bool kCancellable = false;
  // Freeing the benchmarks that make room can take a while.
  static constexpr RpcThread kThread = RpcThread::kStartWorker;

  template <typename Done>
  static void start(SessionService& service, AddBenchmarkRequest& request,
                    AddBenchmarkReply& /*reply*/, const std::stop_source& /*stop*/, Done done) {
    service.add_benchmarks(request);
    done(grpc::Status::OK);
  }
};

template <>
struct RpcService<rpc::SendSessionParameter> : RpcServiceDefaults {
  static constexpr AdmissionClass kAdmission = AdmissionClass::kInSession;

  template <typename Done>
  static void start(SessionService& service, const SendSessionParameterRequest& request,
                    SendSessionParameterReply& reply, std::stop_source stop, Done done) {
    service.async_send_session_parameter(request, reply, std::move(stop), std::move(done));
  }
};

/// Whether its messages go through as bytes where nobody here needs them otherwise.
template <typename Rpc>
constexpr bool kForwardsBytes = requires { typename RpcService<Rpc>::Exchange; };

/// Whether the reply is there at once, without a look at the request.
template <typename Rpc>
constexpr bool kAnsweredAtOnce =
    requires(const SessionService& service, typename Rpc::Reply& reply) {
      RpcService<Rpc>::answer(service, reply);
    };

}  // namespace compiler_gym::internal

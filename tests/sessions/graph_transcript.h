// A random story of sessions, and what their clients hear.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/sessions/service_fixture.h"
#include "tests/support/reproducible_session.h"

namespace compiler_gym::testing {

/// Does the same for the same seed, as long as the answers are the same. The service is of
/// ReproducibleSessions.
class GraphTranscript {
 public:
  GraphTranscript(SessionService& service, unsigned seed) : service_(service), random_(seed) {}

  /// Called from time to time with an open session.
  std::function<void(Session::Id)> disturb;

  std::vector<std::string> run(int requests) {
    for (int i = 0; i < requests; ++i) {
      next();
    }
    return std::move(lines_);
  }

 private:
  static constexpr std::size_t kMaxSessions = 6;

  int below(int bound) {
    return static_cast<int>(random_() % static_cast<std::mt19937::result_type>(bound));
  }

  void next() {
    const int what = below(100);
    if (sessions_.empty() || what < 14) {
      start();
      return;
    }
    const std::size_t which = random_() % sessions_.size();
    if (what < 20) {
      fork(sessions_[which]);
    } else if (what < 28) {
      parameters(sessions_[which]);
    } else if (what < 31 && disturb) {
      disturb(sessions_[which]);
    } else if (what < 37 || sessions_.size() > kMaxSessions) {
      end(which);
    } else {
      step(sessions_[which]);
    }
  }

  void start() {
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark("benchmark://" + std::to_string(below(2)));
    if (below(20) == 0) {
      request.mutable_benchmark()->mutable_program()->set_contents("bad");
    }
    request.set_action_space(below(30) == 0 ? 7 : below(2));
    ask_for_observations(request);
    Call<StartSessionRequest, StartSessionReply> call;
    call.request = request;
    call.status = service_.async_start_session(call.request, call.reply, call.stop, kFuture);
    const Result<StartSessionReply> reply = heard("start", call);
    if (reply) {
      sessions_.push_back(reply->session_id());
    }
  }

  void fork(Session::Id session) {
    Call<ForkSessionRequest, ForkSessionReply> call;
    call.request.set_session_id(session);
    call.status = service_.async_fork_session(call.request, call.reply, call.stop, kFuture);
    if (const Result<ForkSessionReply> reply = heard("fork", call)) {
      sessions_.push_back(reply->session_id());
    }
  }

  void end(std::size_t which) {
    Call<EndSessionRequest, EndSessionReply> call;
    call.request.set_session_id(sessions_[which]);
    call.status = service_.async_end_session(call.request, call.reply, kFuture);
    static_cast<void>(heard("end", call));
    sessions_.erase(sessions_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void parameters(Session::Id session) {
    static const std::vector<std::string> kKeys{"set", "get", "push", "read", "unknown"};
    Call<SendSessionParameterRequest, SendSessionParameterReply> call;
    call.request.set_session_id(session);
    for (int i = 0; i <= below(2); ++i) {
      SessionParameter& parameter = *call.request.add_parameter();
      parameter.set_key(kKeys[static_cast<std::size_t>(below(5))]);
      if (below(25) == 0) {
        parameter.set_key(below(2) == 0 ? "any" : "refuse");
      }
      parameter.set_value(below(10) == 0 ? "" : std::to_string(below(3)));
    }
    call.status =
        service_.async_send_session_parameter(call.request, call.reply, call.stop, kFuture);
    static_cast<void>(heard("parameters", call));
  }

  // Few actions, so that sessions meet; one that does harm now and then.
  void step(Session::Id session) {
    static const std::vector<std::int64_t> kActions{
        0, 1, 8, 9, kNothing, kHide, kHide, kReveal, kEndEpisode, kChangeSpace, kNothing};
    static const std::vector<std::int64_t> kHarm{
        kVary, kVaryNothing, kVaryNothing, kRefuse, kDie, kFailSometimes, -1};
    Call<StepRequest, StepReply> call;
    call.request.set_session_id(session);
    for (int i = below(3); i > 0; --i) {
      const auto& actions = below(40) == 0 ? kHarm : kActions;
      *call.request.add_action() = int64_event(actions[random_() % actions.size()]);
    }
    ask_for_observations(call.request);
    call.status = service_.async_step(call.request, call.reply, call.stop, kFuture);
    static_cast<void>(heard("step", call));
  }

  template <typename Request>
  void ask_for_observations(Request& request) {
    for (int i = below(3); i > 0; --i) {
      const int space = below(8) != 0 ? below(3) : below(ReproducibleSession::kObservations + 1);
      if (space != ReproducibleSession::kProcess) {
        request.add_observation_space(space);
      }
    }
  }

  template <typename Request, typename Reply>
  Result<Reply> heard(const char* what, Call<Request, Reply>& call) {
    Result<Reply> reply = call.get();
    lines_.push_back(std::string(what) + " {" + call.request.ShortDebugString() + "}: " +
                     (reply ? "{" + reply->ShortDebugString() + "} " + reply->SerializeAsString()
                            : to_string(reply.error())));
    return reply;
  }

  static constexpr boost::asio::use_future_t<> kFuture{};

  SessionService& service_;
  std::mt19937 random_;
  std::vector<Session::Id> sessions_;
  std::vector<std::string> lines_;
};

}  // namespace compiler_gym::testing

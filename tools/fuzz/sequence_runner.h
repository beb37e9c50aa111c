// Sends a sequence to a service, and knows what has to come back.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "core/support/status.h"
#include "tools/fuzz/lane_transport.h"
#include "tools/fuzz/operation.h"
#include "tools/fuzz/service_facts.h"

namespace compiler_gym::fuzz {

/// What sessions are started on.
struct Programs {
  std::vector<std::string> good;  ///< bitcode on which a session starts and works
  std::vector<std::string>
      foreign;  ///< of other versions of LLVM, of other machines, odd; numbered
                ///< after the good ones
};

/// How the requests of a run were answered, so that a fuzzer which only ever sees refusals is noticed.
struct Outcomes {
  std::map<std::string, std::uint64_t> by_code;
  std::uint64_t requests = 0;
  /// Those that started a session or did something in one that was there: OK, and not empty.
  std::uint64_t served = 0;
  std::uint64_t replays = 0;  ///< sessions whose state was compared with that of a replay
};

/// Runs the lanes of a sequence at the same time, each one's operations in order, and compares every
/// answer with the rules: which status, with which text; as many observations as were asked for. At
/// the end each session whose actions are known has the state that the same actions give a new one,
/// and when all are ended none remains.
///
/// Not known is the state of a session after a request that was given up, after an action that the
/// compiler could not survive (DATA_LOSS, DEADLINE_EXCEEDED), or on bitcode that is foreign or was
/// tampered with: there any status is right that says so, but not that the service has gone, hangs or
/// has thrown.
///
/// Threads:  on a strand, that of the coroutine. Nobody else uses the service meanwhile.
/// Lifetime: what it is given outlives it.
class SequenceRunner {
 public:
  SequenceRunner(ServiceClient& client, LaneTransport::MakeStream make_stream,
                 const ServiceFacts& facts, const Programs& programs, Outcomes& outcomes);

  /// What was wrong, with the operation; nothing if all was right.
  [[nodiscard]] boost::asio::awaitable<std::optional<std::string>> async_run(Sequence sequence);

 private:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  /// No request takes longer, unless it hangs.
  static constexpr CallOptions kPatience{.timeout = std::chrono::minutes(2)};

  struct Session {
    std::int64_t id = 0;
    int program = 0;
    std::int64_t action_space = 0;
    std::vector<std::int64_t> actions;
    bool known = true;  ///< whether these actions, and no others, have been applied
  };

  struct Lane {
    LaneTransport transport;
    std::map<int, Session> slots{};
    std::vector<std::int64_t> open{};  ///< ids, in slots or no longer
  };

  [[nodiscard]] Awaitable<void> run_lane(const Sequence& sequence, int lane);
  [[nodiscard]] Awaitable<void> run(const Operation& operation, Lane& lane);
  [[nodiscard]] Awaitable<void> start(const Operation& operation, Lane& lane);
  [[nodiscard]] Awaitable<void> fork(const Operation& operation, Lane& lane);
  [[nodiscard]] Awaitable<void> step(const Operation& operation, Lane& lane);
  [[nodiscard]] Awaitable<void> set_parameter(const Operation& operation, Lane& lane);
  [[nodiscard]] Awaitable<void> end(const Operation& operation, Lane& lane);
  [[nodiscard]] Awaitable<void> compare_with_replay(Session session);
  [[nodiscard]] Awaitable<void> end_all();

  /// Makes the request and counts the answer. Nothing if it was refused for its size, and had to be;
  /// `exists`: the session that it names, if it names one.
  template <typename Rpc>
  [[nodiscard]] Awaitable<std::optional<Result<typename Rpc::Reply>>> ask(
      const Operation& operation, Lane& lane, typename Rpc::Request request, bool exists);

  [[nodiscard]] bool is_good(const Operation& operation) const;
  [[nodiscard]] StartSessionRequest start_request(int program, std::uint64_t mutation,
                                                  std::int64_t action_space) const;
  [[nodiscard]] Awaitable<std::optional<std::string>> fingerprint(
      std::int64_t session_id, const std::vector<std::int64_t>& actions);

  /// Null if there is no session in the slot.
  [[nodiscard]] static Session* find(Lane& lane, int slot);
  /// One that no session has if there is none.
  [[nodiscard]] static std::int64_t id_of(const Session* session, const Operation& operation);

  void expect(bool right, const Operation& operation, const grpc::Status& status,
              const std::string& rule);
  /// That of a session that there is not.
  void expect_unknown(const Operation& operation, const grpc::Status& status);
  void fail(std::string text);

  ServiceClient& client_;
  const LaneTransport::MakeStream make_stream_;
  const ServiceFacts& facts_;
  const Programs& programs_;
  Outcomes& outcomes_;
  std::vector<Lane> lanes_;
  std::optional<std::string> violation_;  // the first one; what runs then ends soon
};

}  // namespace compiler_gym::fuzz

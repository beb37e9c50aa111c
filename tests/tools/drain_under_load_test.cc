// Real threads and a real load, for the sanitizers to watch.
#include "tests/async_server/server_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;

const CallOptions kPatient{.timeout = 60s};

class LoadTest : public ServerFixture {
 protected:
  /// Starts a session and steps, forks and ends until the service goes away, as a client does that
  /// does not know of drains.
  boost::asio::awaitable<void> be_a_client(int number) {
    ServiceClient own(loop_.pump(), server->addresses().front());
    for (int round = 0;; ++round) {
      StartSessionRequest start;
      *start.mutable_benchmark() = make_benchmark("benchmark://test/" + std::to_string(number % 3));
      const auto started = co_await own.start_session(std::move(start), kPatient);
      if (!started) {
        co_return record(started.error());
      }
      for (int i = 0; i < 5; ++i) {
        StepRequest request = next_step(started->session_id(), i);
        const auto stepped = co_await own.step(std::move(request), kPatient);
        if (!stepped) {
          co_return record(stepped.error());
        }
        EXPECT_EQ(stepped->observation(0).int64_tensor().value_size(), i + 1);
        ++steps_;
      }
      ForkSessionRequest fork;
      fork.set_session_id(started->session_id());
      const auto forked = co_await own.fork_session(std::move(fork), kPatient);
      if (!forked) {
        co_return record(forked.error());
      }
      grpc::Status ended = co_await end(own, started->session_id());
      if (ended.ok()) {
        ended = co_await end(own, forked->session_id());
      }
      if (!ended.ok()) {
        co_return record(ended);
      }
    }
  }

  // Apart from the coroutine above: GCC 12 has trouble with lists of initialisers in one.
  static StepRequest next_step(Session::Id session, int i) {
    return step_request(session, {i}, {0});
  }

  static boost::asio::awaitable<grpc::Status> end(ServiceClient& own, Session::Id session) {
    EndSessionRequest request;
    request.set_session_id(session);
    const auto reply = co_await own.end_session(std::move(request), kPatient);
    co_return reply ? grpc::Status::OK : reply.error();
  }

  void record(const grpc::Status& status) {
    // What a drain may do to a request: refuse it, or cancel it.
    EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                status.error_code() == grpc::StatusCode::CANCELLED)
        << to_string(status);
    ++clients_done_;
  }

  std::atomic<int> steps_{0};
  std::atomic<int> clients_done_{0};
};

class DrainUnderLoadTest : public LoadTest, public ::testing::WithParamInterface<int> {};

TEST_P(DrainUnderLoadTest, AnswersEverybodyAndLeavesNothing) {
  constexpr int kClients = 8;
  serve();
  std::vector<std::future<void>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(boost::asio::co_spawn(boost::asio::make_strand(loop_.io_context()),
                                            be_a_client(i), boost::asio::use_future));
  }
  poll_until([&] { return steps_ > 50 * (1 + GetParam() % 4); });

  // Every other time without any grace.
  EXPECT_TRUE(drain_and_join(GetParam() % 2 == 0 ? Clock::duration(30s) : 0s).ok());

  for (auto& finished : clients) {
    get_within_watchdog(std::move(finished));
  }
  EXPECT_EQ(clients_done_, kClients);
  EXPECT_EQ(script.events().front(), "context init");
  EXPECT_EQ(script.events().back(), "context shutdown");
}

INSTANTIATE_TEST_SUITE_P(ThirtyTimes, DrainUnderLoadTest, ::testing::Range(0, 30));

}  // namespace
}  // namespace compiler_gym::testing

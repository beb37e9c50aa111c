// More requests than a service takes on, and what one client's flood does to the others.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <future>
#include <mutex>

#include "async_server/internal/request_budget.h"
#include "tests/async_server/server_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using internal::AdmissionClass;
using internal::RequestBudget;
using ::testing::ElementsAre;

// ------------------------------------------------------------------------------------- the budget

std::string answer_of(const Result<RequestBudget::Share>& taken) {
  return taken ? "OK" : to_string(taken.error());
}

TEST(RequestBudgetTest, RefusesWhatIsBeyondTheNumberOfRequests) {
  RequestBudget budget({.requests = 2, .bytes = 100});
  const auto first = budget.take(AdmissionClass::kInSession, 1);
  auto second = budget.take(AdmissionClass::kInSession, 1);
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 1)),
            "RESOURCE_EXHAUSTED: 2 requests are in flight already, the limit is 2");
  *second = RequestBudget::Share();
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 1)), "OK");
}

TEST(RequestBudgetTest, RefusesWhatIsBeyondTheNumberOfBytes) {
  RequestBudget budget({.requests = 10, .bytes = 100});
  auto first = budget.take(AdmissionClass::kInSession, 60);
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 41)),
            "RESOURCE_EXHAUSTED: 60 bytes of requests are in flight, 41 more exceed the limit of "
            "100");
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 40)), "OK");
  *first = RequestBudget::Share();
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 100)), "OK");
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 101)),
            "RESOURCE_EXHAUSTED: 0 bytes of requests are in flight, 101 more exceed the limit of "
            "100");
}

TEST(RequestBudgetTest, LeavesHalfToOpenSessions) {
  RequestBudget budget({.requests = 4, .bytes = 100});
  const auto large = budget.take(AdmissionClass::kStart, 50);
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kStart, 1)),
            "RESOURCE_EXHAUSTED: 50 bytes of requests to start sessions or add benchmarks are in "
            "flight, 1 more exceed the limit of 50");
  const auto small = budget.take(AdmissionClass::kStart, 0);
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kStart, 0)),
            "RESOURCE_EXHAUSTED: 2 requests to start sessions or add benchmarks are in flight "
            "already, the limit is 2");
  const auto step = budget.take(AdmissionClass::kInSession, 25);
  EXPECT_EQ(answer_of(step), "OK");
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kInSession, 25)), "OK");
}

TEST(RequestBudgetTest, OfOneLetsASessionStart) {
  RequestBudget budget({.requests = 1, .bytes = 1});
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kStart, 1)), "OK");
}

TEST(RequestBudgetTest, NeverRefusesWhatIsFree) {
  RequestBudget budget({.requests = 1, .bytes = 1});
  const auto only = budget.take(AdmissionClass::kInSession, 1);
  EXPECT_EQ(answer_of(budget.take(AdmissionClass::kAlways, 64 * 1024)), "OK");
}

TEST(RequestBudgetTest, WhoWaitsForRoomIsToldWhenThereIsSomeInItsTurn) {
  boost::asio::io_context io_context;
  RequestBudget budget({.requests = 10, .bytes = 100});
  std::vector<int> told;
  const auto wait_for = [&](int who, std::size_t bytes) {
    budget.async_room(bytes, io_context.get_executor(), [&told, who] { told.push_back(who); });
    io_context.restart();
    io_context.poll();
  };
  const auto poll = [&] {
    io_context.restart();
    io_context.poll();
    return told;
  };
  wait_for(1, 200);
  EXPECT_THAT(told, ElementsAre(1)) << "nothing is in flight: there will never be more room";
  Result<RequestBudget::Share> first = budget.take(AdmissionClass::kInSession, 60);
  Result<RequestBudget::Share> second = budget.take(AdmissionClass::kInSession, 30);
  wait_for(2, 10);
  EXPECT_THAT(told, ElementsAre(1, 2));
  wait_for(3, 60);
  wait_for(4, 10);
  EXPECT_THAT(told, ElementsAre(1, 2)) << "4 came after 3";
  first->reset();
  EXPECT_THAT(poll(), ElementsAre(1, 2, 3, 4));
  wait_for(5, 200);
  EXPECT_THAT(told, ElementsAre(1, 2, 3, 4));
  second->reset();
  EXPECT_THAT(poll(), ElementsAre(1, 2, 3, 4, 5));
}

TEST(RequestBudgetTest, WhatIsFreeIsSmall) {
  RequestBudget budget({.requests = 1, .bytes = std::size_t{1} << 30});
  EXPECT_EQ(
      answer_of(budget.take(AdmissionClass::kAlways, 64 * 1024 + 1)),
      "RESOURCE_EXHAUSTED: The request has 65537 bytes, the limit for one of its kind is 65536");
}

// ------------------------------------------------------------------------------------- the service

class OverloadTest : public ServerFixture {
 protected:
  static constexpr std::int64_t kHold = -1;  // an action that waits for release

  OverloadTest() {
    script.on_action = [this](std::int64_t action, auto&, const auto&) {
      {
        const std::lock_guard lock(mutex_);
        order_.push_back(action);
      }
      if (action == kHold) {
        ++held_;
        release_.wait();
      }
      return grpc::Status::OK;
    };
  }

  /// Sends a step that holds a worker, and returns once it does.
  Future<StepReply> hold(Session::Id session) {
    const int before = held_;
    auto held = step(session, {kHold});
    poll_until([&] { return held_ > before; });
    return held;
  }

  std::vector<std::int64_t> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

  std::atomic<int> held_{0};
  Latch release_;

 private:
  std::mutex mutex_;
  std::vector<std::int64_t> order_;
};

TEST_F(OverloadTest, RefusesRequestsBeyondTheLimitAtOnceAndRecovers) {
  ServerOptions options = default_options();
  options.max_requests_in_flight = 3;
  serve(options);
  const Session::Id first = started_session();
  const Session::Id second = started_session();
  wait_for_in_flight(0);
  std::vector<Future<StepReply>> taken_on;
  taken_on.push_back(hold(first));
  taken_on.push_back(hold(second));
  taken_on.push_back(step(first, {1}));
  wait_for_in_flight(3);

  const auto refused = get_within_watchdog(step(second, {2}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_string(refused.error()),
            "RESOURCE_EXHAUSTED: 3 requests are in flight already, the limit is 3");

  release_.open();
  for (auto& step : taken_on) {
    EXPECT_TRUE(get_within_watchdog(std::move(step)));
  }
  wait_for_in_flight(0);
  EXPECT_TRUE(get_within_watchdog(step(second, {2})));
}

TEST_F(OverloadTest, AnswersWhatCostsNothingEvenThen) {
  ServerOptions options = default_options();
  options.max_requests_in_flight = 1;
  serve(options);
  const Session::Id held = started_session();
  wait_for_in_flight(0);
  const Session::Id idle = started_session();
  wait_for_in_flight(0);
  auto running = hold(held);
  EXPECT_FALSE(get_within_watchdog(step(idle, {})));

  EXPECT_TRUE(get_within_watchdog(client->get_version({}, boost::asio::use_future)));
  EXPECT_TRUE(get_within_watchdog(client->get_spaces({}, boost::asio::use_future)));
  const auto ended = get_within_watchdog(end_session(idle));
  ASSERT_TRUE(ended) << to_string(ended.error());
  EXPECT_EQ(ended->remaining_sessions(), 1);

  release_.open();
  EXPECT_TRUE(get_within_watchdog(std::move(running)));
}

TEST_F(OverloadTest, ManyStartsLeaveRoomForSteps) {
  Latch initialised;
  script.on_init = [&](const Benchmark& benchmark) {
    if (benchmark.uri() == "benchmark://slow/1") {
      initialised.wait();
    }
    return grpc::Status::OK;
  };
  ServerOptions options = default_options();
  options.max_requests_in_flight = 20;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  std::vector<Future<StartSessionReply>> starts;
  for (int i = 0; i < 10; ++i) {
    starts.push_back(start_session("benchmark://slow/1"));
  }
  wait_for_in_flight(10);
  EXPECT_EQ(to_string(get_within_watchdog(start_session("benchmark://slow/1")).error()),
            "RESOURCE_EXHAUSTED: 10 requests to start sessions or add benchmarks are in flight "
            "already, the limit is 10");

  for (int i = 0; i < 30; ++i) {
    const auto reply = get_within_watchdog(step(session, {i}));
    EXPECT_TRUE(reply) << to_string(reply.error());
  }
  EXPECT_TRUE(get_within_watchdog(fork_session(session)));

  initialised.open();
  for (auto& start : starts) {
    const auto reply = get_within_watchdog(std::move(start));
    EXPECT_TRUE(reply) << to_string(reply.error());
  }
}

// With one worker the order is fixed.
//
//   flood    | 1 is held ......... | 2 |   | 3 | 4
//   other    |      comes last     |   | 1 |
TEST_F(OverloadTest, ClientsThatStartSessionsTakeTurns) {
  Latch initialised;
  hold_starts(initialised);
  ServerOptions options = default_options();
  options.workers = 1;
  serve(options);
  grpc::ChannelArguments own_connection;
  own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto other = CompilerGymService::NewStub(grpc::CreateCustomChannel(
      server->addresses().front(), grpc::InsecureChannelCredentials(), own_connection));

  std::vector<Future<StartSessionReply>> flood;
  for (const char* uri : {"flood/1", "flood/2", "flood/3", "flood/4"}) {
    flood.push_back(start_session(std::string("benchmark://") + uri));
    wait_for_in_flight(flood.size());
  }
  StartSessionRequest request;
  *request.mutable_benchmark() = make_benchmark("benchmark://other/1");
  grpc::ClientContext rpc_context;
  StartSessionReply reply;
  std::future<grpc::Status> started = std::async(
      std::launch::async, [&] { return other->StartSession(&rpc_context, request, &reply); });
  wait_for_in_flight(5);
  initialised.open();

  EXPECT_EQ(to_string(get_within_watchdog(std::move(started))), "OK");
  for (auto& start : flood) {
    EXPECT_TRUE(get_within_watchdog(std::move(start)));
  }
  EXPECT_THAT(start_order(),
              ElementsAre("benchmark://flood/1", "benchmark://flood/2", "benchmark://other/1",
                          "benchmark://flood/3", "benchmark://flood/4"));
}

TEST_F(OverloadTest, RefusesBytesBeyondTheLimit) {
  ServerOptions options = default_options();
  options.max_bytes_in_flight = 10'000;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  StepRequest large = step_request(session, {1});
  large.mutable_action(0)->set_string_value(std::string(20'000, 'x'));
  const auto size = std::to_string(large.ByteSizeLong());
  const auto refused = get_within_watchdog(client->step(large, {}, boost::asio::use_future));
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_string(refused.error()), "RESOURCE_EXHAUSTED: 0 bytes of requests are in flight, " +
                                            size + " more exceed the limit of 10000");
  EXPECT_TRUE(get_within_watchdog(step(session, {1})));
}

TEST_F(OverloadTest, RefusesMessagesThatAreTooLarge) {
  ServerOptions options = default_options();
  options.max_message_size = 10'000;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  StepRequest large = step_request(session, {1});
  large.mutable_action(0)->set_string_value(std::string(20'000, 'x'));
  const auto refused =
      get_within_watchdog(client->step(std::move(large), {}, boost::asio::use_future));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error().error_message(), ::testing::HasSubstr("10000"));
  EXPECT_TRUE(get_within_watchdog(step(session, {1})));
}

// With one worker the order is fixed: it takes what has waited longest.
//
//   flood    | hold .......... | 1   |    | 2   |    | 3
//   other    |        10 waits |     | 10 |     | 11 |
TEST_F(OverloadTest, AFloodOfOneSessionLetsTheOthersHaveTheirTurns) {
  ServerOptions options = default_options();
  options.workers = 1;
  serve(options);
  const Session::Id flooded = started_session();
  const Session::Id other = started_session();
  wait_for_in_flight(0);
  std::vector<Future<StepReply>> steps;
  steps.push_back(hold(flooded));
  // gRPC does not order calls: the next one is sent when this one is known to wait.
  for (int i = 1; i <= 20; ++i) {
    steps.push_back(step(flooded, {i}));
    wait_for_in_flight(steps.size());
  }
  for (const int action : {100, 101}) {
    steps.push_back(step(other, {action}));
    wait_for_in_flight(steps.size());
  }

  release_.open();

  for (auto& pending : steps) {
    EXPECT_TRUE(get_within_watchdog(std::move(pending)));
  }
  const std::vector<std::int64_t> began = order();
  ASSERT_EQ(began.size(), 23U);
  EXPECT_THAT(std::vector(began.begin(), began.begin() + 5), ElementsAre(kHold, 100, 1, 101, 2));
}

TEST_F(OverloadTest, AClientThatLeavesGivesBackItsRoomWhenItsTurnComes) {
  serve();
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  auto running = hold(session);
  std::promise<Result<StepReply>> left;
  client->step(step_request(session, {1}), {},
               can_leave([&](Result<StepReply> reply) { left.set_value(std::move(reply)); }));
  wait_for_in_flight(2);
  leave();
  EXPECT_FALSE(get_within_watchdog(left.get_future()));

  release_.open();

  EXPECT_TRUE(get_within_watchdog(std::move(running)));
  wait_for_in_flight(0);
}

}  // namespace
}  // namespace compiler_gym::testing

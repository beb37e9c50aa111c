// What becomes of a call whose events come with ok == false, in each state that it can be in: its
// client leaves, or the server shuts down. That nothing is left of it is what every test ends with.
#include "async_server/internal/incoming_call.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <optional>
#include <thread>

#include "client/http2_bytes.h"
#include "core/support/status.h"
#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

using internal::IncomingCall;

enum class Leaves {
  kByReset,       ///< takes its request back
  kByDisconnect,  ///< its connection breaks
};

struct Row {
  const char* name;
  Leaves how;
  bool cancellable;  ///< of the call, see IncomingCall
};

class IncomingCallTest : public ::testing::TestWithParam<Row> {
 protected:
  IncomingCallTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxSendMessageSize(-1);
    builder.RegisterService(&wire_service_);
    auto queue = builder.AddCompletionQueue();
    queue_ = queue.get();
    pump_ = std::make_unique<CompletionQueuePump>(io_context_, std::move(queue));
    server_ = builder.BuildAndStart();
    drained_ = pump_->async_run(boost::asio::use_future);
    thread_ = std::jthread([this] { io_context_.run(); });
  }

  ~IncomingCallTest() override {
    shut_down();
    EXPECT_FALSE(call_) << "the test has answered it or dropped it";
    get_within_watchdog(calls_.async_close(boost::asio::use_future));
    shutdown_.join();
    EXPECT_EQ(replies_.on_their_way().replies, 0U);
    EXPECT_EQ(budget_.in_flight().requests, 0U);
    pump_->shutdown();
    get_within_watchdog(std::move(drained_));
    thread_.join();
  }

  /// What runs is cancelled at once. It may last until that has been answered.
  void shut_down() {
    if (!shutdown_.joinable()) {
      shutdown_ = std::jthread([this] { server_->Shutdown(std::chrono::system_clock::now()); });
    }
  }

  /// Asks for a call.
  std::future<bool> arm() {
    call_ = IncomingCall::make(calls_.try_enter(), replies_, GetParam().cancellable);
    return call_->async_accept(wire_service_, &internal::WireService::RequestStep, *pump_, *queue_,
                               boost::asio::use_future);
  }

  /// Gets one. Returns its session's number.
  std::int64_t accept() {
    EXPECT_TRUE(get_within_watchdog(arm()));
    call_->accepted(Gate::Pass());
    auto share = budget_.take(internal::AdmissionClass::kInSession, call_->request_bytes());
    call_->keep(*std::move(share));
    auto& request = call_->arena().make<StepRequest>();
    EXPECT_TRUE(call_->parse_request(request).ok());
    return request.session_id();
  }

  void answer(std::size_t bytes = 8) {
    auto& reply = call_->arena().make<StepReply>();
    reply.add_observation()->set_string_value(std::string(bytes, 'x'));
    IncomingCall::finish(std::move(call_), reply);
  }

  /// A client of its own sends a Step.
  void send_step(std::int64_t session) {
    client_.emplace(io_context_);
    client_->connect({boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port_)});
    StepRequest request;
    request.set_session_id(session);
    send(http2::preface() + http2::request(1, "Step", request.SerializeAsString()));
  }

  void client_leaves() {
    if (GetParam().how == Leaves::kByReset) {
      send(http2::reset(1));
    } else {
      client_->close();
    }
  }

  void send(const std::string& bytes) { boost::asio::write(*client_, boost::asio::buffer(bytes)); }

  boost::asio::io_context io_context_;
  internal::RequestBudget budget_{{.requests = 10, .bytes = 1'000'000}};
  internal::ReplyBudget replies_{{.replies = 10, .bytes = 1'000'000'000}};
  internal::WireService wire_service_;
  std::unique_ptr<CompletionQueuePump> pump_;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  Gate calls_;
  IncomingCall::Ptr call_;  // the last one that was asked for
  std::future<void> drained_;
  std::optional<boost::asio::ip::tcp::socket> client_;

 private:
  std::jthread thread_;
  std::jthread shutdown_;
};

TEST_P(IncomingCallTest, ACallThatNeverCameGoesWithTheServer) {
  std::future<bool> accepted = arm();
  shut_down();
  EXPECT_FALSE(get_within_watchdog(std::move(accepted)));
  call_.reset();
}

TEST_P(IncomingCallTest, AClientThatLeavesBeforeItsCallIsAcceptedIsNotInTheWayOfTheNext) {
  send_step(1);
  client_leaves();
  send_step(2);
  // Whether gRPC hands over the first call depends on what it has heard by now.
  while (accept() != 2) {
    answer();
  }
  answer();
}

TEST_P(IncomingCallTest, AClientThatLeavesBeforeItIsAnsweredIsHeardOf) {
  send_step(1);
  EXPECT_EQ(accept(), 1);
  client_leaves();
  if (GetParam().cancellable) {
    poll_until([this] { return call_->stop().stop_requested(); });
  }
  answer();
}

TEST_P(IncomingCallTest, ACallWhoseClientHasLeftCanBeDropped) {
  send_step(1);
  EXPECT_EQ(accept(), 1);
  client_leaves();
  call_.reset();
}

TEST_P(IncomingCallTest, AClientThatLeavesInTheMiddleOfTheAnswerFreesIt) {
  constexpr std::size_t kMoreThanAConnectionTakesUnread = 1'000'000;
  send_step(1);
  EXPECT_EQ(accept(), 1);
  answer(kMoreThanAConnectionTakesUnread);
  EXPECT_GT(replies_.on_their_way().bytes, kMoreThanAConnectionTakesUnread);
  client_leaves();
  poll_until([this] { return replies_.on_their_way().bytes == 0; });
}

TEST_P(IncomingCallTest, AnAnswerAfterTheServersEndGoesNowhere) {
  send_step(1);
  EXPECT_EQ(accept(), 1);
  shut_down();
  if (GetParam().cancellable) {
    poll_until([this] { return call_->stop().stop_requested(); });
  }
  answer();
}

TEST_P(IncomingCallTest, AnAnswerThatNobodyReadsGoesWithTheServer) {
  send_step(1);
  EXPECT_EQ(accept(), 1);
  answer(1'000'000);
  shut_down();
  poll_until([this] { return replies_.on_their_way().bytes == 0; });
}

INSTANTIATE_TEST_SUITE_P(, IncomingCallTest,
                         ::testing::Values(Row{"Reset", Leaves::kByReset, true},
                                           Row{"Disconnected", Leaves::kByDisconnect, true},
                                           Row{"ResetNotCancellable", Leaves::kByReset, false},
                                           Row{"DisconnectedNotCancellable", Leaves::kByDisconnect,
                                               false}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace compiler_gym::testing

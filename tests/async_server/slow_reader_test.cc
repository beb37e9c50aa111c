// Clients that ask for much and do not read it, or break off in the middle of asking.
#include <gmock/gmock.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "async_server/internal/reply_budget.h"
#include "client/http2_bytes.h"
#include "tests/async_server/server_fixture.h"

namespace compiler_gym::testing {
namespace {

using internal::ReplyBudget;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ------------------------------------------------------------------------------------- the budget

class NamedReply final : public ReplyBudget::Reply {
 public:
  NamedReply(char name, std::string& given_up) : name_(name), given_up_(given_up) {}
  ~NamedReply() override { remove(); }

 private:
  void give_up() override { given_up_ += name_; }

  const char name_;
  std::string& given_up_;
};

class ReplyBudgetTest : public ::testing::Test {
 protected:
  void add(char name, std::size_t bytes) {
    budget_.add(*replies_.emplace_back(std::make_unique<NamedReply>(name, given_up_)), bytes);
  }

  ReplyBudget budget_{{.replies = 3, .bytes = 100}};
  std::string given_up_;  // in their order
  std::vector<std::unique_ptr<NamedReply>> replies_;
};

TEST_F(ReplyBudgetTest, TheOldestGiveWayWhenTheBytesAreTooMany) {
  add('a', 40);
  add('b', 40);
  EXPECT_EQ(given_up_, "");
  add('c', 70);
  EXPECT_EQ(given_up_, "ab");
  EXPECT_EQ(budget_.on_their_way().bytes, 70U);
  EXPECT_EQ(budget_.on_their_way().replies, 1U);
  EXPECT_EQ(budget_.given_up(), 2U);
}

TEST_F(ReplyBudgetTest, AndWhenTheyThemselvesAreTooMany) {
  for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
    add(name, 0);
  }
  EXPECT_EQ(given_up_, "ab");
  EXPECT_EQ(budget_.on_their_way().replies, 3U);
}

TEST_F(ReplyBudgetTest, ASmallOneDoesNotPayForLargeOnes) {
  add('a', 5);
  add('b', 60);
  add('c', 50);
  EXPECT_EQ(given_up_, "b");
  add('d', 70);
  EXPECT_EQ(given_up_, "bc");
  EXPECT_EQ(budget_.on_their_way().bytes, 75U);
}

TEST_F(ReplyBudgetTest, WhatHasBeenReadMakesRoom) {
  add('a', 60);
  add('b', 30);
  replies_.front().reset();
  EXPECT_EQ(budget_.on_their_way().bytes, 30U);
  add('c', 70);
  EXPECT_EQ(given_up_, "");
}

TEST_F(ReplyBudgetTest, OneAloneMayBeOfAnySize) {
  add('a', 1000);
  EXPECT_EQ(given_up_, "");
  EXPECT_EQ(budget_.on_their_way().bytes, 1000U);
  add('b', 1);
  EXPECT_EQ(given_up_, "a");
}

// ------------------------------------------------------------------------------------- the service

class SlowReaderTest : public ServerFixture {
 protected:
  static constexpr std::size_t kReplyBytes = 256 * 1024;  // more than a connection takes unread

  SlowReaderTest() {
    script.on_observation = [](const ObservationSpace&, Event& observation) {
      observation.set_string_value(std::string(kReplyBytes, 'x'));
      return grpc::Status::OK;
    };
  }

  /// A client that does not read, but for what it is told to.
  class Peer {
   public:
    explicit Peer(SlowReaderTest& test) : socket_(test.io_context) {
      socket_.connect({boost::asio::ip::address_v4::loopback(),
                       static_cast<std::uint16_t>(test.server->port())});
      send(http2::preface());
    }
    void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }

    void send_step(Session::Id session) {
      stream_ += 2;
      send(step(stream_, session));
    }
    static std::string step(std::uint32_t stream, Session::Id session) {
      return http2::request(stream, "Step", step_request(session, {}, {0}).SerializeAsString());
    }

   private:
    boost::asio::ip::tcp::socket socket_;
    std::uint32_t stream_ = -1U;
  };

  void expect_service_for_others() {
    const Session::Id session = started_session();
    for (int i = 0; i < 10; ++i) {
      const auto reply = get_within_watchdog(step(session, {i}, {0}));
      ASSERT_TRUE(reply) << to_string(reply.error());
      EXPECT_EQ(reply->observation(0).string_value().size(), kReplyBytes);
    }
  }
};

TEST_F(SlowReaderTest, LosesItsRepliesWhenTheyAreTooManyAndNobodyElseDoes) {
  constexpr std::size_t kMostBytes = 4 * kReplyBytes + 1024;
  ServerOptions options = default_options();
  options.max_unread_bytes = kMostBytes;
  serve(options);
  const Session::Id session = started_session();
  Peer peer(*this);
  for (int i = 0; i < 30; ++i) {
    peer.send_step(session);
    EXPECT_LE(server->unread_bytes(), kMostBytes);
  }
  poll_until([&] { return server->unread_replies_given_up() == 26; });
  EXPECT_GT(server->unread_bytes(), 4 * kReplyBytes) << "what it has not been sent";

  expect_service_for_others();
  EXPECT_LE(server->unread_bytes(), kMostBytes);
  EXPECT_EQ(server->requests_in_flight(), 0U) << "they have been answered";
}

TEST_F(SlowReaderTest, LeavesRoomForTheRequestsOfOthers) {
  ServerOptions options = default_options();
  options.max_requests_in_flight = 4;
  serve(options);
  const Session::Id session = started_session();
  Peer peer(*this);
  // One at a time, as else it would be refused: by the limit on what has not been answered.
  for (std::size_t i = 1; i <= 10; ++i) {
    peer.send_step(session);
    poll_until([&] {
      return server->unread_bytes() / kReplyBytes + server->unread_replies_given_up() >= i;
    });
  }
  expect_service_for_others();
}

TEST_F(SlowReaderTest, DoesNotHoldUpADrain) {
  serve();
  const Session::Id session = started_session();
  Peer peer(*this);
  peer.send_step(session);
  poll_until([&] { return server->unread_bytes() >= kReplyBytes; });
  EXPECT_TRUE(drain_and_join(Clock::duration::zero()).ok());
  EXPECT_EQ(server->unread_bytes(), 0U);
}

// ---------------------------------------------------------------------------- half of a request

struct Piece {
  const char* name;
  double share;  ///< of the request's bytes
};

class BrokenOffRequestTest : public SlowReaderTest, public ::testing::WithParamInterface<Piece> {};

TEST_P(BrokenOffRequestTest, CostsNobodyAnything) {
  serve();
  const Session::Id session = started_session();
  const std::string whole = Peer::step(1, session);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<Peer>(*this));
    const auto size =
        static_cast<std::size_t>(GetParam().share * static_cast<double>(whole.size()));
    peers.back()->send(whole.substr(0, size));
  }
  expect_service_for_others();
  EXPECT_EQ(server->requests_in_flight(), 0U);
  EXPECT_TRUE(drain_and_join(std::chrono::hours(1)).ok()) << "nor does a drain wait for the rest";
}

INSTANTIATE_TEST_SUITE_P(, BrokenOffRequestTest,
                         ::testing::Values(Piece{"InTheHeadersOfAFrame", 0.02},
                                           Piece{"InTheHeadOfTheRequest", 0.5},
                                           Piece{"InItsBody", 0.99}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace compiler_gym::testing

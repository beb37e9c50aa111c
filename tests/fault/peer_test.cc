// What connections cost that break off in the middle of a request, or do not read what they asked
// for: nobody else anything.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "client/http2_bytes.h"
#include "core/support/status.h"
#include "tests/fault/fault_fixture.h"

namespace compiler_gym::testing {
namespace {

using boost::asio::ip::tcp;
using ::testing::IsEmpty;

struct PeerRow {
  const char* name;
  int requests;  ///< of each connection
  double share;  ///< of their bytes that is sent
};

class PeerTest : public FaultTest, public ::testing::WithParamInterface<PeerRow> {
 protected:
  /// A new connection with a session of its own, that asks and never reads.
  boost::asio::awaitable<void> connect() {
    Crowd outsiders(*client_, program_, 0);
    const Result<std::int64_t> session = co_await outsiders.async_start_session();
    EXPECT_TRUE(session) << to_string(session.error());
    if (!session) {
      co_return;
    }
    StepRequest step;
    step.set_session_id(*session);
    step.add_action()->set_int64_value(103);
    for (int i = 0; i < 10; ++i) {  // the module as text, so often that a connection can't hold it
      step.add_observation_space(0);
    }
    std::string bytes = http2::preface();
    for (int i = 0; i < GetParam().requests; ++i) {
      bytes +=
          http2::request(static_cast<std::uint32_t>(2 * i + 1), "Step", step.SerializeAsString());
    }
    bytes.resize(static_cast<std::size_t>(GetParam().share * static_cast<double>(bytes.size())));
    tcp::socket& peer = peers_.emplace_back(loop_.io_context());
    peer.connect({boost::asio::ip::address_v4::loopback(), service_->port()});
    boost::asio::write(peer, boost::asio::buffer(bytes));
  }

  std::vector<tcp::socket> peers_;
};

TEST_P(PeerTest, CostsNobodyElseAnything) {
  serve({"--executor=isolated", "--max_unread_bytes=1000000"});
  EXPECT_THAT(run_crowd(12, [this](int) { return connect(); }), IsEmpty());
  stop({6});  // with their sessions
}

INSTANTIATE_TEST_SUITE_P(, PeerTest,
                         ::testing::Values(PeerRow{"ReadsNothing", 50, 1},
                                           PeerRow{"SendsHalfAFrame", 1, 0.25},
                                           PeerRow{"SendsHalfARequest", 1, 0.97}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace compiler_gym::testing

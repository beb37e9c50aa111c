// Streams share with others what there is too little of.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "tests/async_server/stream_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

using StreamTurnsTest = StreamFixture;

// By TCP a client is its connection. Of those of a unix socket nothing tells one from another.
TEST_F(StreamTurnsTest, StreamsOverAUnixSocketTakeTurns) {
  hold_starts(release_);
  ServerOptions options = default_options();
  options.workers = 1;
  options.listen = {"unix:" + ::testing::TempDir() + "/turns." + std::to_string(getpid())};
  serve(options);
  const auto start_on = [this](RawStream& stream, std::uint64_t id, const std::string& uri) {
    StreamRequest request;
    request.set_id(id);
    *request.mutable_start_session()->mutable_benchmark() = make_benchmark(uri);
    ASSERT_TRUE(stream.send({request}));
    wait_for_in_flight(id);
  };
  const auto flood = open_stream();
  const auto other = open_stream();
  for (std::uint64_t id = 1; id <= 4; ++id) {
    start_on(*flood, id, "benchmark://flood/" + std::to_string(id));
  }
  start_on(*other, 5, "benchmark://other/1");
  release_.open();

  EXPECT_EQ(outcome_of(other->next()), "OK");
  for (const auto& [id, reply] : flood->next(4)) {
    EXPECT_EQ(outcome_of(reply), "OK") << id;
  }
  EXPECT_THAT(start_order(),
              ElementsAre("benchmark://flood/1", "benchmark://flood/2", "benchmark://other/1",
                          "benchmark://flood/3", "benchmark://flood/4"));
}

}  // namespace
}  // namespace compiler_gym::testing

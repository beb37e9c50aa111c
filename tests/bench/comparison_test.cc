// The comparison, end to end and very short.
#include "bench/compare/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "client/client_loop.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

CompareOptions quick(const std::string& only) {
  CompareOptions options;
  options.rows = *select_rows(all_rows(), false, only);
  options.rounds = 1;
  options.operations = 40;
  options.binaries = COMPILER_GYM_BIN_DIR;
  return options;
}

TEST(ComparisonTest, MeasuresEveryRowOnEveryServerWithoutAFailedCall) {
  ClientLoop loop;
  std::vector<std::string> progress;
  const auto rows = loop.run(
      async_compare(loop.pump(), quick("^(version|step|start|fork)/(tcp|unix|in-process)/8$"),
                    [&](const CompareProgress& at) { progress.push_back(at.doing); }));
  ASSERT_TRUE(rows) << to_string(rows.error());
  EXPECT_THAT(*rows, SizeIs(12));
  for (const RowResult& row : *rows) {
    ASSERT_THAT(row.servers, SizeIs(3)) << row.row.name();
    for (const ServerRounds& server : row.servers) {
      ASSERT_THAT(server.rounds, SizeIs(1)) << row.row.name() << ' ' << server.server;
      EXPECT_EQ(server.rounds[0].operations, 40U) << row.row.name() << ' ' << server.server;
      EXPECT_EQ(server.failed(), 0U)
          << row.row.name() << ' ' << server.server << ": " << server.first_error();
    }
  }
  EXPECT_THAT(progress, SizeIs(36));
}

TEST(ComparisonTest, TurnsTheOrderOfTheServers) {
  ClientLoop loop;
  CompareOptions options = quick("^version/unix/1$");
  options.rounds = 3;
  std::vector<std::string> progress;
  const auto rows = loop.run(async_compare(loop.pump(), options, [&](const CompareProgress& at) {
    progress.push_back(at.doing.substr(at.doing.find(", ") + 2));
  }));
  ASSERT_TRUE(rows) << to_string(rows.error());
  EXPECT_THAT(progress,
              ElementsAre("sync", "bare", "ours", "bare", "ours", "sync", "ours", "sync", "bare"));
}

/// A load that a server refuses is a failure of that server, and none of the comparison.
TEST(ComparisonTest, GoesOnAfterALoadThatFailedOnANewServer) {
  ClientLoop loop;
  CompareOptions options = quick("^step/tcp/8$");
  options.rounds = 2;
  options.timeout = -1h;  // a deadline that has passed, and not one that may be met
  const auto rows = loop.run(async_compare(loop.pump(), options));
  ASSERT_TRUE(rows) << to_string(rows.error());
  for (const ServerRounds& server : rows->front().servers) {
    EXPECT_THAT(server.rounds, SizeIs(2)) << server.server;
    EXPECT_EQ(server.failed(), 2U) << server.server;
    EXPECT_THAT(server.first_error(), HasSubstr("DEADLINE_EXCEEDED")) << server.server;
    EXPECT_THAT(server.first_error(), HasSubstr("; its server ended with exit status 0"));
  }
}

TEST(ComparisonTest, StopsBetweenMeasurementsWhenAskedTo) {
  ClientLoop loop;
  std::stop_source stop;
  int measurements = 0;
  const auto stop_at_second = [&](const CompareProgress&) {
    if (++measurements == 2) {
      stop.request_stop();
    }
  };
  const auto rows = loop.run(
      async_compare(loop.pump(), quick("^version/unix/1$"), stop_at_second, stop.get_token()));
  ASSERT_FALSE(rows);
  EXPECT_EQ(to_string(rows.error()), "CANCELLED: interrupted");
  EXPECT_EQ(measurements, 2);
}

#ifdef COMPILER_GYM_TEST_LLVM_SERVICE
/// What bench/peer/install makes, with our own service in the place of CompilerGym's.
class StandInPeer {
 public:
  StandInPeer() : directory_(fs::temp_directory_path() / fs::unique_path()) {
    fs::create_directories(directory_ / "service");
    fs::create_directories(directory_ / "site");
    fs::create_directories(directory_ / "programs");
    fs::create_symlink(COMPILER_GYM_TEST_LLVM_SERVICE,
                       directory_ / "service/compiler_gym-llvm-service");
    for (const char* program : {"programs/small.bc", "programs/medium.bc"}) {
      fs::create_symlink(COMPILER_GYM_TEST_DATA "/crc32.bc", directory_ / program);
    }
  }
  StandInPeer(const StandInPeer&) = delete;
  StandInPeer& operator=(const StandInPeer&) = delete;
  ~StandInPeer() { fs::remove_all(directory_); }

  [[nodiscard]] PeerFiles files() const { return *find_peer(directory_); }

 private:
  const fs::path directory_;
};

TEST(ComparisonTest, MeasuresTheRowsBesideThePeerWithoutAFailedCall) {
  const StandInPeer peer;
  ClientLoop loop;
  CompareOptions options;
  // All but the one with 2,000 sessions.
  options.rows = *select_rows(peer_rows(), true, "^peer-(?!step-open).*/1$|observe");
  options.rounds = 1;
  options.duration = 1ms;
  options.operations = 10;
  options.baseline = "peer";
  options.binaries = COMPILER_GYM_BIN_DIR;
  options.peer = peer.files();
  const auto rows = loop.run(async_compare(loop.pump(), options));
  ASSERT_TRUE(rows) << to_string(rows.error());
  EXPECT_THAT(*rows, SizeIs(7));
  for (const RowResult& row : *rows) {
    ASSERT_THAT(row.servers, SizeIs(3)) << row.row.name();
    for (const ServerRounds& server : row.servers) {
      EXPECT_EQ(server.failed(), 0U)
          << row.row.name() << ' ' << server.server << ": " << server.first_error();
      EXPECT_GT(medians(server).operations, 0U) << row.row.name() << ' ' << server.server;
      EXPECT_GT(medians(server).p50_us, 0) << row.row.name() << ' ' << server.server;
    }
  }
}
#endif

TEST(ComparisonTest, SaysWhichServerCannotBeStarted) {
  ClientLoop loop;
  CompareOptions options = quick("^version/tcp/1$");
  options.binaries = "/no/such/directory";
  const auto rows = loop.run(async_compare(loop.pump(), options));
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().error_message(), ::testing::HasSubstr("version/tcp/1, sync: "));
}

}  // namespace
}  // namespace compiler_gym

// The comparison, end to end and very short.
#include "bench/compare/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/client_loop.h"

namespace compiler_gym {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

CompareOptions quick(const std::string& only) {
  CompareOptions options;
  options.rows = *select_rows(false, only);
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

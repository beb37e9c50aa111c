// What isolated sessions may reach of the machine, from outside.
#include "core/posix/confinement.h"

#include <boost/filesystem/fstream.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/isolated/hazard_session.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto* kDenied = "Permission denied";

class ConfinementTest : public ProcessTest {
 protected:
  void SetUp() override {
    const ConfinementSupport support = confinement_support();
    if (!support.complete()) {
      GTEST_SKIP() << "this kernel has " << to_string(support);
    }
  }

  void serve_confined(std::vector<std::string> arguments) {
    arguments.emplace_back("--executor=isolated");
    serve(kHazardService, std::move(arguments));
    client.emplace(connect());
    EXPECT_EQ(outcome(client->start_session()), "OK");
  }

  std::string ask(const std::string& what, const std::string& value, std::int64_t session = 0) {
    const Result<SendSessionParameterReply> reply =
        client->send_session_parameter(session, what, value);
    return reply ? reply->reply(0) : outcome(reply);
  }

  std::optional<WireClient> client;
};

TEST_F(ConfinementTest, ByDefaultThereIsNoNetworkAndBenchmarksMayLieAnywhere) {
  serve_confined({});
  EXPECT_EQ(ask("connect", std::to_string(port())), kDenied);
  EXPECT_EQ(ask("read", "/etc/passwd"), "OK");
  EXPECT_THAT(logs(), HasSubstr("sandbox processes are confined: files by Landlock"));
  EXPECT_EQ(outcome(client->step(0, {1})), "OK");
}

TEST_F(ConfinementTest, WithBenchmarkRootsThereAreNoOtherFiles) {
  for (const char* directory : {"programs", "data"}) {
    boost::filesystem::create_directories(root() / directory);
    boost::filesystem::ofstream(root() / directory / "file") << "text";
  }
  serve_confined({"--benchmark_root=" + (root() / "programs").string(),
                  "--sandbox_read=" + (root() / "data").string()});
  EXPECT_EQ(ask("read", (root() / "programs" / "file").string()), "OK");
  EXPECT_EQ(ask("read", (root() / "data" / "file").string()), "OK");
  EXPECT_EQ(ask("read", "/etc/hostname"), kDenied);
  EXPECT_EQ(ask("read", "/root"), kDenied);
  EXPECT_EQ(ask("read", "/bin/sh"), "OK");
  EXPECT_EQ(outcome(client->fork_session(0)), "OK");
  EXPECT_EQ(ask("read", "/etc/hostname", 1), kDenied);
  EXPECT_EQ(outcome(client->step(0, {1, kExit})).substr(0, 9), "DATA_LOSS");
  EXPECT_EQ(ask("read", "/etc/hostname"), kDenied) << "in another process";
}

TEST_F(ConfinementTest, WithoutItSessionsReachWhatTheServiceDoes) {
  serve_confined({"--sandbox=off", "--benchmark_root=" + root().string()});
  EXPECT_EQ(ask("connect", std::to_string(port())), "OK");
  EXPECT_EQ(ask("read", "/etc/passwd"), "OK");
  EXPECT_THAT(logs(), HasSubstr("sandbox processes are not confined: --sandbox=off"));
}

TEST_F(ConfinementTest, WhatIsRequiredIsThereOrTheServiceIsNot) {
  serve_confined({"--sandbox=required"});
  EXPECT_EQ(ask("connect", std::to_string(port())), kDenied);
  service.reset();
  run(kHazardService, {"--sandbox=perhaps"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_THAT(service->stderr_text(),
              StartsWith("ERROR: flag 'sandbox': 'perhaps' is none of auto, off, required"));
}

}  // namespace
}  // namespace compiler_gym::testing

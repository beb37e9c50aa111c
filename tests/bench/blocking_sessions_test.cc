#include "bench/baseline/blocking_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <future>
#include <memory>
#include <utility>

#include "tests/support/latch.h"
#include "tests/support/poll.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym {
namespace {

using ::testing::ElementsAre;
using testing::get_within_watchdog;
using testing::Latch;

/// One session is open, and the start of a second one is held up in its init:
///
///     start: init ... (held) ......... released
///     step:             looks for session 0
class BlockingSessionsTest : public ::testing::Test {
 protected:
  void open(Lookup lookup) {
    ServicePlugin plugin{
        .make_context =
            [this](const boost::filesystem::path& directory, const ServiceContextOptions&) {
              return std::make_unique<testing::ScriptedContext>(directory, script_);
            },
        .make_session =
            [this](CompilerGymServiceContext& context) {
              return std::make_unique<testing::ScriptedSession>(context, script_);
            }};
    auto host = CompilerHost::create(std::move(plugin), boost::filesystem::temp_directory_path());
    ASSERT_TRUE(host) << to_string(host.error());
    host_ = *std::move(host);
    sessions_ = std::make_unique<BlockingSessions>(*host_, lookup);
    ASSERT_TRUE(start().ok());
    script_.during_init = [this](const std::stop_token&) {
      in_init_.open();
      released_.wait();
      script_.record("start goes on");
    };
    script_.on_action = [this](std::int64_t, auto&, const std::stop_token&) {
      script_.record("step");
      return grpc::Status::OK;
    };
    starting_ = std::async(std::launch::async, [this] { return start(); });
    in_init_.wait();
    stepping_ = std::async(std::launch::async, [this] { return step(); });
  }

  grpc::Status start() {
    StartSessionRequest request;
    *request.mutable_benchmark() = testing::make_benchmark("benchmark://test/1");
    StartSessionReply reply;
    return sessions_->call(request, reply);
  }

  grpc::Status step() {
    StepRequest request;
    *request.add_action() = testing::int64_event(1);
    StepReply reply;
    return sessions_->call(request, reply);
  }

  std::vector<std::string> end() {
    released_.open();
    EXPECT_TRUE(get_within_watchdog(std::move(starting_)).ok());
    if (stepping_.valid()) {
      EXPECT_TRUE(get_within_watchdog(std::move(stepping_)).ok());
    }
    std::vector<std::string> events;
    for (std::string& event : script_.events()) {
      if (event == "step" || event == "start goes on") {
        events.push_back(std::move(event));
      }
    }
    return events;
  }

  testing::PluginScript script_;
  Latch in_init_;
  Latch released_;
  std::unique_ptr<CompilerHost> host_;
  std::unique_ptr<BlockingSessions> sessions_;
  std::future<grpc::Status> starting_;
  std::future<grpc::Status> stepping_;
};

TEST_F(BlockingSessionsTest, StepWaitsForTheMutexThatIsHeldWhileASessionStarts) {
  open(Lookup::kUnderTheMutex);
  EXPECT_THAT(end(), ElementsAre("start goes on", "step"));
}

TEST_F(BlockingSessionsTest, StepThatLooksApartDoesNotWait) {
  open(Lookup::kApart);
  EXPECT_TRUE(get_within_watchdog(std::move(stepping_)).ok());
  EXPECT_THAT(end(), ElementsAre("step", "start goes on"));
}

}  // namespace
}  // namespace compiler_gym

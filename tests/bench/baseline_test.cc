// The servers that ours is compared with answer as ours does.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/filesystem/operations.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bench/baseline/baseline_server.h"
#include "bench/baseline/compiler_host.h"
#include "bench/baseline/compiler_plugin.h"
#include "bench/hosted/hosted_server.h"
#include "client/client_loop.h"
#include "client/managed_service.h"
#include "client/service_client.h"
#include "core/support/status.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAreArray;

ServicePlugin example() {
  return *plugin_of_compiler("example");
}

template <typename Request>
Request parsed(const std::string& text) {
  Request request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  return request;
}

template <typename Reply>
std::string described(const Result<Reply>& reply) {
  return reply ? reply->ShortDebugString() : to_string(reply.error());
}

/// A short life of some sessions, as text: what each request is answered with.
asio::awaitable<std::vector<std::string>> answers_of(CompletionQueuePump& pump,
                                                     std::shared_ptr<grpc::Channel> channel) {
  ServiceClient client(pump, std::move(channel));
  std::vector<std::string> answers;
  const auto start = [&](std::string text) -> asio::awaitable<void> {
    const auto reply = co_await client.start_session(parsed<StartSessionRequest>(text));
    answers.push_back("StartSession " + text + ": " + described(reply));
  };
  const auto step = [&](std::string text) -> asio::awaitable<void> {
    const auto reply = co_await client.step(parsed<StepRequest>(text));
    answers.push_back("Step " + text + ": " + described(reply));
  };
  const auto fork = [&](std::string text) -> asio::awaitable<void> {
    const auto reply = co_await client.fork_session(parsed<ForkSessionRequest>(text));
    answers.push_back("ForkSession " + text + ": " + described(reply));
  };
  const auto end = [&](std::string text) -> asio::awaitable<void> {
    const auto reply = co_await client.end_session(parsed<EndSessionRequest>(text));
    answers.push_back("EndSession " + text + ": " + described(reply));
  };

  const auto version = co_await client.get_version();
  answers.push_back("GetVersion: " + described(version));
  const auto spaces = co_await client.get_spaces();
  answers.push_back("GetSpaces: " + described(spaces));

  co_await start("");
  co_await start("benchmark { uri: 'benchmark://a/b' }");
  const auto added = co_await client.add_benchmark(parsed<AddBenchmarkRequest>(
      "benchmark { uri: 'benchmark://a/b' program { contents: 'a program' } }"));
  answers.push_back("AddBenchmark: " + described(added));
  co_await start("benchmark { uri: 'benchmark://a/b' } observation_space: [0, 1]");
  co_await start("benchmark { uri: 'benchmark://c/d' program { contents: 'another' } }");
  co_await start("benchmark { uri: 'benchmark://c/d' } action_space: 7");
  co_await start("benchmark { uri: 'benchmark://c/d' } observation_space: 7");

  co_await step("session_id: 0 action { int64_value: 0 } action { int64_value: 2 }");
  co_await step("session_id: 0 action { int64_value: 1 } observation_space: [2, 1, 0]");
  co_await step("session_id: 0 action { int64_value: 3 }");
  co_await step("session_id: 0 observation_space: 3");
  co_await step("session_id: 42");

  co_await fork("session_id: 0");
  co_await fork("session_id: 42");
  co_await step("session_id: 2 action { int64_value: 1 } observation_space: 0");
  const auto set = co_await client.send_session_parameter(parsed<SendSessionParameterRequest>(
      "session_id: 2 parameter { key: 'a key' value: 'a value' }"));
  answers.push_back("SendSessionParameter: " + described(set));

  co_await end("session_id: 0");
  co_await end("session_id: 0");
  co_await step("session_id: 0");
  co_await step("session_id: 2");
  co_await end("session_id: 1");
  co_await end("session_id: 2");
  co_await start("benchmark { uri: 'benchmark://a/b' }");
  co_await end("session_id: 3");
  co_return answers;
}

class BaselineServerTest : public ::testing::TestWithParam<const char*> {
 protected:
  ClientLoop loop_;
};

TEST_P(BaselineServerTest, AnswersAsTheServiceDoes) {
  const auto directory = boost::filesystem::temp_directory_path();
  std::vector<std::string> expected;
  {
    const auto service = HostedServer::start(example(), directory);
    ASSERT_TRUE(service) << to_string(service.error());
    expected = loop_.run(answers_of(loop_.pump(), (*service)->channel()));
  }
  const auto host = CompilerHost::create(example(), directory);
  ASSERT_TRUE(host) << to_string(host.error());
  const auto server = BaselineServer::start(*parse_baseline_kind(GetParam()), **host, {});
  ASSERT_TRUE(server) << to_string(server.error());
  EXPECT_THAT(loop_.run(answers_of(loop_.pump(), (*server)->in_process_channel())),
              ElementsAreArray(expected));
}

asio::awaitable<std::string> serve_and_stop(CompletionQueuePump& pump, std::string kind) {
  ManagedServiceOptions options;
  options.binary = COMPILER_GYM_BIN_DIR "/compiler_gym-baseline";
  options.arguments = {"--server=" + kind};
  const auto service = co_await ManagedService::async_start(std::move(options));
  if (!service) {
    co_return to_string(service.error());
  }
  const auto channel = make_channel((*service)->target());
  const auto answers = co_await answers_of(pump, channel);
  const ProcessExit exit = co_await (*service)->async_stop();
  co_return fmt::format("{} answers, {}", answers.size(), exit.describe());
}

TEST_P(BaselineServerTest, AnnouncesItsPortAndStopsCleanly) {
  EXPECT_EQ(loop_.run(serve_and_stop(loop_.pump(), GetParam())), "26 answers, exit status 0");
}

TEST_P(BaselineServerTest, SaysThatItCannotListen) {
  const auto host = CompilerHost::create(example(), boost::filesystem::temp_directory_path());
  ASSERT_TRUE(host) << to_string(host.error());
  const auto server = BaselineServer::start(*parse_baseline_kind(GetParam()), **host,
                                            {"unix:/no/such/directory/socket"});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().error_code(), grpc::StatusCode::UNAVAILABLE);
}

INSTANTIATE_TEST_SUITE_P(Kinds, BaselineServerTest, ::testing::Values("sync", "sync-apart", "bare"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace compiler_gym

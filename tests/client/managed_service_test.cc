#include "client/managed_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/filesystem/operations.hpp>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/poll.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::poll_until;
using testing::settle;

const fs::path kFakeService = fs::path(COMPILER_GYM_BIN_DIR) / "client_test_fake_service";

std::string read_file(const fs::path& path) {
  std::ifstream file(path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Time stands still: what happens here happens because the process did something, or because the
/// test moved the clock.
class ManagedServiceTest : public ::testing::Test {
 protected:
  using Started = Result<std::unique_ptr<ManagedService>>;

  ManagedServiceTest() : directory_(fs::temp_directory_path() / fs::unique_path()) {}
  ~ManagedServiceTest() override { fs::remove_all(directory_); }

  /// The result of a coroutine, when there is one.
  template <typename T>
  std::shared_ptr<std::optional<T>> spawn(asio::awaitable<T> coroutine) {
    auto result = std::make_shared<std::optional<T>>();
    asio::co_spawn(io_context_, std::move(coroutine), [result](std::exception_ptr error, T value) {
      if (error != nullptr) {
        std::rethrow_exception(error);
      }
      *result = std::move(value);
    });
    return result;
  }

  template <typename T>
  T run(asio::awaitable<T> coroutine) {
    auto result = spawn(std::move(coroutine));
    poll_until(io_context_, [&] {
      clock_.advance(1ms);  // polls of port.txt; far too slow for any timeout of 30 s
      return result->has_value();
    });
    return std::move(**result);
  }

  static asio::awaitable<Started> start(std::vector<std::string> behaviour,
                                        fs::path working_directory = {}) {
    ManagedServiceOptions options;
    options.binary = kFakeService;
    options.arguments = std::move(behaviour);
    options.working_directory = std::move(working_directory);
    return ManagedService::async_start(std::move(options));
  }

  testing::FakeClock clock_;
  asio::io_context io_context_;
  const fs::path directory_;
};

TEST_F(ManagedServiceTest, StartsTheBinaryAsThePythonClientDoes) {
  const Started service = run(start({"record", "port:4242", "serve:0"}));
  ASSERT_TRUE(service) << to_string(service.error());

  const fs::path& directory = (*service)->working_directory();
  EXPECT_TRUE(directory.is_absolute());
  EXPECT_EQ(read_file(directory / "started_as.txt"),
            "cwd " + fs::canonical(COMPILER_GYM_BIN_DIR).string() + "\n" +
                "argument ./client_test_fake_service\n" +
                "argument --working_dir=" + directory.string() + "\n" +
                "argument record\nargument port:4242\nargument serve:0\n");
  EXPECT_TRUE(fs::is_directory(directory / "logs"));
  EXPECT_TRUE(fs::is_directory(directory / "disk"));
}

TEST_F(ManagedServiceTest, AddsToTheEnvironmentAndReplacesWhatIsThere) {
  ASSERT_NE(getenv("PATH"), nullptr);
  ManagedServiceOptions options;
  options.binary = kFakeService;
  options.environment = {"COMPILER_GYM_FAKE=a=b", "HOME=/a home"};
  options.arguments = {"environment:COMPILER_GYM_FAKE", "environment:HOME", "environment:PATH",
                       "port:4242", "serve:0"};
  const Started service = run(ManagedService::async_start(std::move(options)));
  ASSERT_TRUE(service) << to_string(service.error());
  EXPECT_EQ(read_file((*service)->working_directory() / "environment.txt"),
            "a=b\n/a home\n" + std::string(getenv("PATH")) + "\n");
}

TEST_F(ManagedServiceTest, IsInAProcessGroupOfItsOwnIfThatIsWanted) {
  for (const bool own : {false, true}) {
    ManagedServiceOptions options;
    options.binary = kFakeService;
    options.arguments = {"port:4242", "serve:0"};
    options.own_process_group = own;
    const Started service = run(ManagedService::async_start(std::move(options)));
    ASSERT_TRUE(service) << service.error().error_message();
    EXPECT_EQ(getpgid((*service)->pid()), own ? (*service)->pid() : getpgrp());
  }
}

TEST_F(ManagedServiceTest, ReadsThePort) {
  const Started service = run(start({"port:4242", "serve:0"}));
  ASSERT_TRUE(service) << to_string(service.error());
  EXPECT_EQ((*service)->port(), 4242);
  EXPECT_EQ((*service)->target(), "localhost:4242");
}

TEST_F(ManagedServiceTest, TrustsPortTxtOnlyOnceItEndsInANewline) {
  // arrange: the first half of a port
  const auto started = spawn(start({"partial_port:42", "serve:0"}, directory_));
  poll_until(io_context_, [&] { return read_file(directory_ / "port.txt") == "42"; });
  clock_.advance(1s);
  settle(io_context_);
  EXPECT_FALSE(started->has_value());

  // act: the second half
  std::ofstream((directory_ / "port.txt").string()) << "4242\n";
  clock_.advance(1s);

  // observe
  poll_until(io_context_, [&] { return started->has_value(); });
  ASSERT_TRUE(**started) << to_string((*started)->error());
  EXPECT_EQ((***started)->port(), 4242);
}

TEST_F(ManagedServiceTest, IgnoresThePortOfAServiceThatRanThereBefore) {
  fs::create_directories(directory_);
  std::ofstream((directory_ / "port.txt").string()) << "1111\n";
  const Started service = run(start({"port:2222", "serve:0"}, directory_));
  ASSERT_TRUE(service) << to_string(service.error());
  EXPECT_EQ((*service)->port(), 2222);
}

TEST_F(ManagedServiceTest, GivesUpOnAServiceThatDoesNotListenWithinTheStartTimeout) {
  const auto started = spawn(start({"partial_port:42", "ignore_term"}, directory_));
  poll_until(io_context_, [&] { return fs::exists(directory_ / "port.txt"); });
  settle(io_context_);

  clock_.advance(30s - 1ns);
  settle(io_context_);
  EXPECT_FALSE(started->has_value());

  clock_.advance(1ns);
  poll_until(io_context_, [&] { return started->has_value(); });
  ASSERT_FALSE(**started);
  EXPECT_THAT(
      to_string((*started)->error()),
      MatchesRegex("DEADLINE_EXCEEDED: '.*/client_test_fake_service' did not write port.txt "
                   "within 30 s"));
}

TEST_F(ManagedServiceTest, ReportsADeathBeforePortTxtWithTheEndOfTheLogs) {
  const Started service = run(start({"log:opening the shop", "log:no goods", "exit:3"}));
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(service.error().error_message(), HasSubstr("ended before it listened: exit status 3\n"
                                                         "The end of its log 'fake.log':\n"
                                                         "  opening the shop\n"
                                                         "  no goods"));
}

TEST_F(ManagedServiceTest, ReportsADeathBySignalBeforePortTxt) {
  const Started service = run(start({"abort"}));
  ASSERT_FALSE(service);
  EXPECT_THAT(service.error().error_message(),
              HasSubstr("ended before it listened: killed by signal 6 (Aborted)"));
}

TEST_F(ManagedServiceTest, RejectsAPortTxtThatHoldsNoPort) {
  for (const std::string text : {"port:http", "port:0", "port:65536", "port:42 43"}) {
    const Started service = run(start({text, "serve:0"}));
    ASSERT_FALSE(service) << text;
    EXPECT_THAT(to_string(service.error()), MatchesRegex("UNAVAILABLE: .* rather than a port"));
  }
}

TEST_F(ManagedServiceTest, ReportsABinaryThatDoesNotExist) {
  const Started service = run(ManagedService::async_start({.binary = "/no/such/service"}));
  ASSERT_FALSE(service);
  EXPECT_EQ(to_string(service.error()), "NOT_FOUND: service binary not found: '/no/such/service'");
}

TEST_F(ManagedServiceTest, ReportsABinaryThatCannotBeExecuted) {
  fs::create_directories(directory_);
  std::ofstream((directory_ / "text").string()) << "not a program";
  const Started service = run(ManagedService::async_start({.binary = directory_ / "text"}));
  ASSERT_FALSE(service);
  EXPECT_THAT(to_string(service.error()),
              MatchesRegex("UNAVAILABLE: cannot start '.*/text': Permission denied"));
}

TEST_F(ManagedServiceTest, StopsWithSigtermAndReportsTheExitStatus) {
  for (const int status : {0, 6}) {
    const Started service = run(start({"port:4242", "serve:" + std::to_string(status)}));
    ASSERT_TRUE(service) << to_string(service.error());
    const ProcessExit exit = run((*service)->async_stop());
    EXPECT_EQ(exit.returncode, status);
    EXPECT_FALSE(exit.had_to_be_killed);
    EXPECT_EQ(run((*service)->async_stop()).returncode, status) << "stopping twice";
  }
}

TEST_F(ManagedServiceTest, KillsAServiceThatHasNotEndedWithinTheStopTimeout) {
  const Started service = run(start({"port:4242", "ignore_term"}));
  ASSERT_TRUE(service) << to_string(service.error());

  const auto stopped = spawn((*service)->async_stop());
  settle(io_context_);
  clock_.advance(30s - 1ns);
  settle(io_context_);
  EXPECT_FALSE(stopped->has_value());

  clock_.advance(1ns);
  poll_until(io_context_, [&] { return stopped->has_value(); });
  EXPECT_EQ((*stopped)->returncode, -SIGKILL);
  EXPECT_EQ((*stopped)->describe(),
            "killed by signal 9 (Killed), as it had not ended in time after SIGTERM");
}

TEST_F(ManagedServiceTest, NoticesThatTheServiceHasEndedByItself) {
  const Started service = run(start({"port:4242", "serve:0"}));
  ASSERT_TRUE(service) << to_string(service.error());
  const auto ended = spawn((*service)->async_wait());
  settle(io_context_);
  EXPECT_FALSE(ended->has_value());

  kill((*service)->pid(), SIGKILL);  // sanitizers catch the others
  poll_until(io_context_, [&] { return ended->has_value(); });
  EXPECT_EQ((*ended)->returncode, -SIGKILL);
}

TEST_F(ManagedServiceTest, RemovesTheWorkingDirectoryItMade) {
  Started service = run(start({"record", "port:4242", "serve:0"}));
  ASSERT_TRUE(service) << to_string(service.error());
  const fs::path directory = (*service)->working_directory();
  ASSERT_TRUE(fs::exists(directory / "started_as.txt"));
  service->reset();
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(ManagedServiceTest, KeepsAWorkingDirectoryItWasGiven) {
  Started service = run(start({"record", "port:4242", "serve:0"}, directory_));
  ASSERT_TRUE(service) << to_string(service.error());
  service->reset();
  EXPECT_TRUE(fs::exists(directory_ / "started_as.txt"));
}

TEST_F(ManagedServiceTest, LeavesNoProcessBehindWhenDestroyedWithoutAStop) {
  Started service = run(start({"port:4242", "ignore_term"}));
  ASSERT_TRUE(service) << to_string(service.error());
  const pid_t pid = (*service)->pid();
  EXPECT_EQ(kill(pid, 0), 0);
  service->reset();
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace compiler_gym

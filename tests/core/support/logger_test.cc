#include "core/support/logger.h"

#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using testing::RecordingLogger;

class LogFileTest : public ::testing::Test {
 protected:
  LogFileTest() { fs::create_directories(directory_); }
  ~LogFileTest() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string file() const { return (directory_ / "service.log").string(); }
  [[nodiscard]] std::string content() const {
    std::ostringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }

  const fs::path directory_ =
      fs::temp_directory_path() / fs::unique_path("compiler_gym-logger_test-%%%%%%%%");
};

TEST(LoggerTest, PassesOnTheLevelsUpToItsOwn) {
  for (const LogLevel level : {LogLevel::kError, LogLevel::kInfo, LogLevel::kVerbose}) {
    RecordingLogger logger(level);
    logger.error("an {}", "error");
    logger.info("an {}", "info");
    logger.verbose("a {}", "detail");
    EXPECT_EQ(logger.count(LogLevel::kError, "an error"), 1);
    EXPECT_EQ(logger.count(LogLevel::kInfo, "an info"), level >= LogLevel::kInfo ? 1 : 0);
    EXPECT_EQ(logger.count(LogLevel::kVerbose, "a detail"), level >= LogLevel::kVerbose ? 1 : 0);
    EXPECT_EQ(logger.enabled(LogLevel::kVerbose), level == LogLevel::kVerbose);
  }
}

TEST_F(LogFileTest, InfoAndErrorsAreInTheFileAtOnce) {
  const auto logger = make_logger({.level = LogLevel::kInfo, .file = file()});
  logger->info("serving on port {}", 4242);
  EXPECT_NE(content().find("serving on port 4242\n"), std::string::npos) << content();
  logger->error("out of paper");
  EXPECT_NE(content().find("out of paper\n"), std::string::npos) << content();
  logger->verbose("not asked for");
  EXPECT_EQ(content().find("not asked for"), std::string::npos) << content();
}

TEST_F(LogFileTest, VerboseLinesAreInTheFileAtOnceIfAskedFor) {
  const auto logger =
      make_logger({.level = LogLevel::kVerbose, .file = file(), .flush_every_line = true});
  logger->verbose("step 1");
  EXPECT_NE(content().find("step 1\n"), std::string::npos) << content();
}

TEST_F(LogFileTest, VerboseLinesAreInTheFileAtTheEnd) {
  make_logger({.level = LogLevel::kVerbose, .file = file()})->verbose("step 1");
  EXPECT_NE(content().find("step 1\n"), std::string::npos) << content();
}

TEST_F(LogFileTest, AFileThatExistsIsAppendedTo) {
  make_logger({.file = file()})->info("first");
  make_logger({.file = file()})->info("second");
  const auto first = content().find("first\n");
  ASSERT_NE(first, std::string::npos) << content();
  EXPECT_NE(content().find("second\n", first), std::string::npos) << content();
}

TEST_F(LogFileTest, AFileThatCannotBeOpenedIsNamed) {
  fs::create_directory(file());  // a directory of that name
  try {
    (void)make_logger({.file = file()});
    FAIL() << "opened a directory for writing";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(file()), std::string::npos) << error.what();
  }
}

TEST(LoggerTest, WritesToStderrIfAsked) {
  ::testing::internal::CaptureStderr();
  make_logger({.to_stderr = true})->error("out of paper");
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("out of paper\n"), std::string::npos);

  ::testing::internal::CaptureStderr();
  make_logger({.to_stderr = false})->error("out of paper");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(LoggerTest, TheSilentOneSaysNothing) {
  ::testing::internal::CaptureStderr();
  make_silent_logger()->error("out of paper");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace compiler_gym

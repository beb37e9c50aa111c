// Commands in a directory of their own.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <boost/filesystem.hpp>
#include <stop_token>
#include <string>

#include "core/posix/child_process.h"
#include "core/posix/processes.h"

namespace compiler_gym::testing {

class CommandFixture : public ::testing::Test {
 protected:
  CommandFixture() {
    boost::filesystem::create_directories(directory_);
    command_.directory = directory_;
  }
  ~CommandFixture() override { boost::filesystem::remove_all(directory_); }

  /// True once there is no such process any more, or it is only waiting to be reaped.
  static bool has_ended(pid_t pid) {
    const std::string stat = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
    return stat.empty() || stat.find(") Z") != std::string::npos;
  }

  const boost::filesystem::path directory_ =
      boost::filesystem::canonical(boost::filesystem::temp_directory_path()) /
      boost::filesystem::unique_path();
  ShellCommand command_;
  std::stop_source stop_;
};

}  // namespace compiler_gym::testing

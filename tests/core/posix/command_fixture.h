// Commands in a directory of their own.
#pragma once

#include <gtest/gtest.h>

#include <boost/filesystem.hpp>
#include <stop_token>

#include "core/posix/child_process.h"

namespace compiler_gym::testing {

class CommandFixture : public ::testing::Test {
 protected:
  CommandFixture() {
    boost::filesystem::create_directories(directory_);
    command_.directory = directory_;
  }
  ~CommandFixture() override { boost::filesystem::remove_all(directory_); }

  const boost::filesystem::path directory_ =
      boost::filesystem::canonical(boost::filesystem::temp_directory_path()) /
      boost::filesystem::unique_path();
  ShellCommand command_;
  std::stop_source stop_;
};

}  // namespace compiler_gym::testing

#include "tests/llvm/tool_commands.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/llvm/test_modules.h"

namespace compiler_gym {

ToolCommands::ToolCommands()
    : directory_(boost::filesystem::temp_directory_path() /
                 boost::filesystem::unique_path("tools-%%%%-%%%%")) {
  boost::filesystem::create_directories(directory_);
}

ToolCommands::~ToolCommands() {
  boost::system::error_code ignored;
  boost::filesystem::remove_all(directory_, ignored);
}

std::string ToolCommands::path(const std::string& name) const {
  return (directory_ / name).string();
}

void ToolCommands::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
}

std::string ToolCommands::run(const std::string& command) const {
  const std::string line = "set -e; cd " + directory_.string() +
                           "; PATH=" COMPILER_GYM_LLVM_TOOLS ":$PATH; { " + command + "; } 2>&1";
  FILE* const pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) {
    throw std::runtime_error("cannot run " + command);
  }
  std::string output;
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) {
    output += buffer.data();
  }
  const int status = pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << "\n" << output;
  return output;
}

std::int64_t ToolCommands::text_size(const std::string& object) const {
  const std::string output = run("llvm-size " + object);
  const std::size_t second_line = output.find('\n');
  EXPECT_NE(second_line, std::string::npos) << output;
  return std::strtoll(output.c_str() + second_line, nullptr, 10);
}

std::string ToolCommands::unoptimised(const std::string& source, const std::string& flags) const {
  run("clang -w -std=c11 " + flags +
      " -Xclang -disable-llvm-passes -emit-llvm -c -o unoptimised.bc " + source);
  return read_file(path("unoptimised.bc"));
}

}  // namespace compiler_gym

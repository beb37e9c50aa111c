// What LLVM's command line tools make of a program, which the service is compared with.
#pragma once

#include <boost/filesystem.hpp>
#include <cstdint>
#include <string>

namespace compiler_gym {

/// Runs clang-19, opt-19 and their like in a directory of its own.
class ToolCommands {
 public:
  ToolCommands();
  ToolCommands(const ToolCommands&) = delete;
  ToolCommands& operator=(const ToolCommands&) = delete;
  ~ToolCommands();

  /// The path of a file in the directory.
  [[nodiscard]] std::string path(const std::string& name) const;
  void write(const std::string& name, const std::string& bytes) const;

  /// Runs a shell command, in which `clang`, `opt` and `llvm-size` are those of this LLVM. What it
  /// prints, on stderr too. Fails the test if it fails.
  std::string run(const std::string& command) const;

  /// The first column of llvm-size.
  [[nodiscard]] std::int64_t text_size(const std::string& object) const;

  /// What a C source gives as bitcode, with these flags of clang, and not optimised.
  [[nodiscard]] std::string unoptimised(const std::string& source, const std::string& flags) const;

 private:
  const boost::filesystem::path directory_;
};

}  // namespace compiler_gym

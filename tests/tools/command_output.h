// Runs a command as a user would, for tests of a tool from outside.
#pragma once

#include <stdio.h>
#include <sys/wait.h>

#include <cstddef>
#include <cstdlib>
#include <string>

namespace compiler_gym::testing {

struct CommandOutput {
  std::string text;
  int exit_status = -1;
};

/// Its stdout and stderr; neither is a terminal.
inline CommandOutput run_command(const std::string& command) {
  CommandOutput output;
  FILE* const pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  char buffer[4096];
  while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe)) {
    output.text.append(buffer, size);
  }
  const int status = pclose(pipe);
  output.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

/// Runs a command that makes this object file in the directory; its bytes of code and constants by
/// llvm-size, or -1.
inline long text_size_by(const std::string& command, const std::string& directory,
                         const std::string& object) {
  const CommandOutput output = run_command("cd '" + directory + "' && " + command +
                                           " && llvm-size-19 " + object + " | tail -1");
  return output.exit_status == 0 && !output.text.empty() ? std::atol(output.text.c_str()) : -1;
}

}  // namespace compiler_gym::testing

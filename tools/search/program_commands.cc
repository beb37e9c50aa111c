#include "tools/search/program_commands.h"

#include <cstddef>
#include <string_view>
#include <utility>

namespace compiler_gym {
namespace {

// Passes are the search's business: of clang the front end is wanted, and the code generator.
constexpr const char* kWithoutPasses = " -Xclang -disable-llvm-passes";

std::string clang(const ProgramFile& program) {
  return "clang-19 -Oz" + (program.cflags.empty() ? "" : " " + program.cflags);
}

std::string opt(const std::string& pipeline, bool for_another_opt = false) {
  // Clang compiles for position independent code, which opt does not know; and what has been written and
  // read again is to be what it was, the order of uses too.
  return std::string("opt-19 -relocation-model=pic ") +
         (for_another_opt ? "-preserve-bc-uselistorder " : "") + "-passes=" + shell_word(pipeline);
}

std::string front_end(const ProgramFile& program, const std::string& bitcode) {
  return clang(program) + kWithoutPasses + " -emit-llvm -c -o " + shell_word(bitcode) + " " +
         shell_word(program.path);
}

/// The commands up to the one that takes bitcode from standard input, or, if there is none, by its path.
struct Pipe {
  std::vector<std::string> commands;
  std::string path;

  void add(std::string command) {
    commands.push_back(std::move(command) + path);
    path.clear();
  }
  /// The commands one after another.
  [[nodiscard]] std::string text() const {
    std::string joined;
    for (const std::string& command : commands) {
      joined += (joined.empty() ? "" : " | ") + command;
    }
    return joined;
  }
};

Pipe optimised(const ProgramFile& program, const std::vector<std::string>& passes, bool apart) {
  Pipe pipe;
  if (program.is_source) {
    pipe.add(front_end(program, "-"));
  } else {
    pipe.path = " " + shell_word(program.path);
  }
  if (!apart && !passes.empty()) {
    pipe.add(opt(joined_passes(passes)));
  }
  for (std::size_t i = 0; apart && i < passes.size(); ++i) {
    pipe.add(opt(passes[i], i + 1 < passes.size()));
  }
  return pipe;
}

}  // namespace

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:,@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string quoted = "'";
  for (const char letter : text) {
    quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  }
  return quoted + "'";
}

std::string module_command(const ProgramFile& program, const std::string& bitcode) {
  return front_end(program, bitcode);
}

std::string baseline_command(const ProgramFile& program, const std::string& object) {
  return clang(program) + (program.is_source ? "" : " -x ir") + " -c -o " + shell_word(object) +
         " " + shell_word(program.path);
}

std::string joined_passes(const std::vector<std::string>& passes) {
  std::string joined;
  for (const std::string& pass : passes) {
    joined += (joined.empty() ? "" : ",invalidate<all>,") + pass;
  }
  return joined;
}

std::string object_command(const ProgramFile& program, const std::vector<std::string>& passes,
                           CommandShape shape, const std::string& object) {
  Pipe pipe = optimised(program, passes, shape.apart);
  if (shape.lowered) {
    pipe.add(opt("default<O0>"));
  }
  const std::string input = pipe.path.empty() ? " -" : "";
  pipe.add(std::string("clang-19 -Oz") + kWithoutPasses + " -c -x ir -o " + shell_word(object) +
           input);
  return pipe.text();
}

std::string bitcode_command(const ProgramFile& program, const std::vector<std::string>& passes,
                            bool apart, const std::string& bitcode) {
  std::vector<std::string> some = passes;
  if (some.empty()) {
    some.emplace_back("no-op-module");
  }
  return optimised(program, some, apart).text() + " -o " + shell_word(bitcode);
}

}  // namespace compiler_gym

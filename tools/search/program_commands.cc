#include "tools/search/program_commands.h"

#include <string_view>

namespace compiler_gym {
namespace {

// Passes are the search's business: of clang the front end is wanted, and the code generator.
constexpr const char* kWithoutPasses = " -Xclang -disable-llvm-passes";

std::string clang(const ProgramFile& program) {
  return "clang-19 -Oz" + (program.cflags.empty() ? "" : " " + program.cflags);
}

std::string opt(const std::string& pipeline) {
  // Clang compiles for position independent code, which opt does not know.
  return "opt-19 -relocation-model=pic -passes=" + shell_word(pipeline);
}

std::string front_end(const ProgramFile& program, const std::string& bitcode) {
  return clang(program) + kWithoutPasses + " -emit-llvm -c -o " + shell_word(bitcode) + " " +
         shell_word(program.path);
}

// The bitcode on standard output, or its path behind the last command.
struct Middle {
  std::string pipe;
  std::string path;
};

Middle optimised(const ProgramFile& program, const std::string& pipeline) {
  Middle middle;
  if (program.is_source) {
    middle.pipe = front_end(program, "-") + " | ";
  } else {
    middle.path = " " + shell_word(program.path);
  }
  if (!pipeline.empty()) {
    middle.pipe += opt(pipeline) + middle.path + " | ";
    middle.path.clear();
  }
  return middle;
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

std::string object_command(const ProgramFile& program, const std::string& pipeline,
                           Lowering lowering, const std::string& object) {
  Middle middle = optimised(program, pipeline);
  if (lowering == Lowering::kRequired) {
    middle.pipe += opt("default<O0>") + middle.path + " | ";
    middle.path.clear();
  }
  return middle.pipe + "clang-19 -Oz" + kWithoutPasses + " -c -x ir -o " + shell_word(object) +
         (middle.path.empty() ? " -" : middle.path);
}

std::string bitcode_command(const ProgramFile& program, const std::string& pipeline,
                            const std::string& bitcode) {
  const Middle middle = optimised(program, pipeline.empty() ? "no-op-module" : pipeline);
  return middle.pipe.substr(0, middle.pipe.size() - 3) + " -o " + shell_word(bitcode);
}

}  // namespace compiler_gym

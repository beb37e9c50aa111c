// The commands that make an object file of a program: for a user to repeat, and for the search to check.
#pragma once

#include <string>

namespace compiler_gym {

/// A program that is searched.
struct ProgramFile {
  /// Of the file, without its folder and ending.
  std::string name;
  /// As the commands spell it: what a program says of itself by __FILE__ is part of its size.
  std::string path;
  /// C, not bitcode.
  bool is_source = true;
  /// Flags of clang's, as a shell takes them.
  std::string cflags;
};

/// What has to be done between a search's passes and the code generator.
enum class Lowering {
  kNone,
  /// Functions that have to be inlined, and coroutines: `default<O0>` does that, which a session does
  /// before it measures.
  kRequired,
};

/// Makes bitcode of a C program, as `clang -Oz` begins with it.
[[nodiscard]] std::string module_command(const ProgramFile& program, const std::string& bitcode);

/// What a user without a search does: `clang -Oz -c`.
[[nodiscard]] std::string baseline_command(const ProgramFile& program, const std::string& object);

/// Runs the pipeline, which may be empty, on the program, and makes an object file of what comes out.
[[nodiscard]] std::string object_command(const ProgramFile& program, const std::string& pipeline,
                                         Lowering lowering, const std::string& object);

/// The same, but makes bitcode.
[[nodiscard]] std::string bitcode_command(const ProgramFile& program, const std::string& pipeline,
                                          const std::string& bitcode);

/// `word`, or `'two words'` if a shell would take it apart.
[[nodiscard]] std::string shell_word(const std::string& text);

}  // namespace compiler_gym

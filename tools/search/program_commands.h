// The commands that make an object file of a program: for a user to repeat, and for the search to check.
#pragma once

#include <array>
#include <string>
#include <vector>

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

/// How a command is put together. The first one that gives what a session gives is the one to tell.
struct CommandShape {
  /// An opt for each pass, instead of one with `invalidate<all>` in between. That is shorter, but does not
  /// make opt forget everything: on programs/shortest_path.c the second of two `default<Oz>` does something
  /// else than in a process of its own.
  bool apart = false;
  /// `default<O0>` before the code generator: functions that have to be inlined, and coroutines, are its
  /// business, and a session does that before it measures.
  bool lowered = false;
};
inline constexpr std::array kCommandShapes{
    CommandShape{}, CommandShape{.apart = false, .lowered = true},
    CommandShape{.apart = true, .lowered = false}, CommandShape{.apart = true, .lowered = true}};

/// Makes bitcode of a C program, as `clang -Oz` begins with it.
[[nodiscard]] std::string module_command(const ProgramFile& program, const std::string& bitcode);

/// What a user without a search does: `clang -Oz -c`.
[[nodiscard]] std::string baseline_command(const ProgramFile& program, const std::string& object);

/// Runs the passes, of which there may be none, on the program, and makes an object file of what comes out.
[[nodiscard]] std::string object_command(const ProgramFile& program,
                                         const std::vector<std::string>& passes, CommandShape shape,
                                         const std::string& object);

/// The same, but makes bitcode, which is not lowered.
[[nodiscard]] std::string bitcode_command(const ProgramFile& program,
                                          const std::vector<std::string>& passes, bool apart,
                                          const std::string& bitcode);

/// `a,invalidate<all>,b`: what `opt -passes=` takes for passes that begin without what the one before knew.
[[nodiscard]] std::string joined_passes(const std::vector<std::string>& passes);

/// `word`, or `'two words'` if a shell would take it apart.
[[nodiscard]] std::string shell_word(const std::string& text);

}  // namespace compiler_gym

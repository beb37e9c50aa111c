// One line on a terminal that says how far a tool has come.
#pragma once

#include <string>
#include <string_view>

namespace compiler_gym {

/// Redraws its line in place on stderr, and removes it when destroyed. Where stderr is no terminal it
/// writes nothing.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { clear(); }

  /// `fraction`: of the work, 0 to 1. `text` is cut off where the terminal ends.
  void show(double fraction, std::string_view text);
  void clear();

 private:
  const bool on_terminal_;
  bool shown_ = false;
};

/// `[####------] text`, at most `columns` characters, of which the bar has a fixed share.
[[nodiscard]] std::string render_progress(double fraction, std::string_view text,
                                          std::size_t columns);

}  // namespace compiler_gym

// A logger whose lines a test can read.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/support/logger.h"

namespace compiler_gym::testing {

/// Keeps every line in memory.
/// Threads: every member may be called from any thread.
class RecordingLogger final : public Logger {
 public:
  struct Line {
    LogLevel level;
    std::string text;
  };

  explicit RecordingLogger(LogLevel level = LogLevel::kVerbose) : Logger(level) {}

  [[nodiscard]] std::vector<Line> lines() const;

  /// How many lines of `level` contain `text`.
  [[nodiscard]] int count(LogLevel level, std::string_view text) const;

  /// All lines, one below the other, for a failure message.
  [[nodiscard]] std::string text() const;

 protected:
  void write(LogLevel level, std::string_view line) override;

 private:
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace compiler_gym::testing

#include "tests/support/recording_logger.h"

#include <algorithm>

namespace compiler_gym::testing {

std::vector<RecordingLogger::Line> RecordingLogger::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

int RecordingLogger::count(LogLevel level, std::string_view text) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(lines_.begin(), lines_.end(), [&](const Line& line) {
    return line.level == level && line.text.find(text) != std::string::npos;
  }));
}

std::string RecordingLogger::text() const {
  std::string all;
  for (const Line& line : lines()) {
    all += line.text + "\n";
  }
  return all;
}

void RecordingLogger::write(LogLevel level, std::string_view line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back({level, std::string(line)});
}

}  // namespace compiler_gym::testing

#include "tools/support/progress_line.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace compiler_gym {
namespace {

constexpr const char* kEraseLine = "\r\x1b[K";

std::size_t terminal_columns() {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

std::string render_progress(double fraction, std::string_view text, std::size_t columns) {
  constexpr std::size_t kBar = 24;
  const auto filled = static_cast<std::size_t>(
      std::lround(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(kBar)));
  std::string line = "[" + std::string(filled, '#') + std::string(kBar - filled, '-') + "] ";
  line += text;
  line.resize(std::min(line.size(), columns));
  return line;
}

ProgressLine::ProgressLine() : on_terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(double fraction, std::string_view text) {
  if (on_terminal_) {
    // One column less than there are: writing to the last one makes some terminals start a new line.
    fmt::print(stderr, "{}{}", kEraseLine, render_progress(fraction, text, terminal_columns() - 1));
    std::fflush(stderr);
    shown_ = true;
  }
}

void ProgressLine::clear() {
  if (shown_) {
    fmt::print(stderr, "{}", kEraseLine);
    std::fflush(stderr);
    shown_ = false;
  }
}

}  // namespace compiler_gym

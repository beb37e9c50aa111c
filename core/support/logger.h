// The log of a service: three levels by reader, passed in rather than global.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <string_view>

namespace compiler_gym {

enum class LogLevel {
  kError,    ///< for the operator: something has to be done
  kInfo,     ///< the story of a service's life
  kVerbose,  ///< for us: one line per request
};

/// Threads: every member may be called from any thread.
class Logger {
 public:
  explicit Logger(LogLevel level) : level_(level) {}
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;
  virtual ~Logger();

  [[nodiscard]] bool enabled(LogLevel level) const noexcept { return level <= level_; }

  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::kError, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void verbose(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::kVerbose, format, std::forward<Args>(args)...);
  }

 protected:
  /// One line, without its end. Called with enabled levels only.
  virtual void write(LogLevel level, std::string_view line) = 0;

 private:
  template <typename... Args>
  void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(level)) {
      write(level, fmt::format(format, std::forward<Args>(args)...));
    }
  }

  const LogLevel level_;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  /// A regular file, made or appended to; none if empty.
  std::string file{};
  /// Also to stderr.
  bool to_stderr = false;
  /// Flush after verbose lines too, not only after info and errors.
  bool flush_every_line = false;
};

/// A logger behind spdlog. Throws std::runtime_error, with the file's name, if the file cannot be
/// opened.
[[nodiscard]] std::unique_ptr<Logger> make_logger(const LogOptions& options);

/// Says nothing. For embedders and tests.
[[nodiscard]] std::unique_ptr<Logger> make_silent_logger();

}  // namespace compiler_gym

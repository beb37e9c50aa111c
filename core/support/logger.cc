#include "core/support/logger.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace compiler_gym {
namespace {

class SpdlogLogger final : public Logger {
 public:
  SpdlogLogger(const LogOptions& options, std::vector<spdlog::sink_ptr> sinks)
      : Logger(options.level), logger_("service", sinks.begin(), sinks.end()) {
    logger_.set_level(spdlog::level::trace);  // what is enabled was decided before write()
    logger_.set_pattern("%L%m%d %H:%M:%S.%f %t] %v");
    // spdlog's periodic flush is a global thread; instead, what an operator waits for is written at
    // once.
    logger_.flush_on(options.flush_every_line ? spdlog::level::trace : spdlog::level::info);
  }

  ~SpdlogLogger() override { logger_.flush(); }

 protected:
  void write(LogLevel level, std::string_view line) override {
    logger_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  static spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
      case LogLevel::kError:
        return spdlog::level::err;
      case LogLevel::kInfo:
        return spdlog::level::info;
      case LogLevel::kVerbose:
        break;
    }
    return spdlog::level::debug;
  }

  spdlog::logger logger_;
};

class SilentLogger final : public Logger {
 public:
  SilentLogger() : Logger(LogLevel::kError) {}

 protected:
  void write(LogLevel /*level*/, std::string_view /*line*/) override {}
};

}  // namespace

Logger::~Logger() = default;

std::unique_ptr<Logger> make_logger(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks;
  if (!options.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file));
    } catch (const spdlog::spdlog_ex& error) {  // a class of spdlog's own; its text names the file
      throw std::runtime_error(error.what());
    }
  }
  if (options.to_stderr) {
    sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  }
  return std::make_unique<SpdlogLogger>(options, std::move(sinks));
}

std::unique_ptr<Logger> make_silent_logger() {
  return std::make_unique<SilentLogger>();
}

}  // namespace compiler_gym

// The command line of a tool.
#pragma once

#include <fmt/core.h>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// Flags written `--name=value` or `--name value`, and read one by one. Errors name the flag, the value
/// and what is allowed; the first one is kept in status().
///
///     FlagParser flags("Usage: tool [flags]");
///     flags.add("seconds", "N", "how long to run");
///     flags.parse(argc, argv);
///     flags.read("seconds", options.seconds, 1, 3600);
///     if (!flags.status().ok()) ...
class FlagParser {
 public:
  explicit FlagParser(std::string synopsis);

  /// A flag with a value; it may be given several times if texts() reads it, else the last one counts.
  void add(const char* name, const char* value_name, const char* description);
  /// A flag without one.
  void add_switch(const char* name, const char* description);
  /// A heading for the flags that follow in help().
  void add_heading(const char* title);

  void parse(int argc, const char* const* argv);

  [[nodiscard]] bool has(const char* name) const { return given_.count(name) > 0; }
  [[nodiscard]] std::vector<std::string> texts(const char* name) const;
  [[nodiscard]] std::string text(const char* name, std::string otherwise = "") const;

  /// Leaves `number` as it is if the flag is not given or not a number from `min` to `max`.
  template <typename Number>
  void read(const char* name, Number& number, Number min, Number max) {
    if (has(name)) {
      read_text(name, text(name), number, min, max);
    }
  }

  /// As read(), of a flag that may be given several times.
  template <typename Number>
  void read_all(const char* name, std::vector<Number>& numbers, Number min, Number max) {
    if (has(name)) {
      numbers.clear();
      for (const std::string& value : texts(name)) {
        read_text(name, value, numbers.emplace_back(), min, max);
      }
    }
  }

  /// Records an error, unless there is one already.
  void fail(const std::string& message);
  [[nodiscard]] const grpc::Status& status() const { return status_; }

  [[nodiscard]] std::string help() const;

 private:
  template <typename Number>
  void read_text(const char* name, const std::string& value, Number& number, Number min,
                 Number max) {
    Number parsed{};
    const char* const end = value.data() + value.size();
    const auto [stopped, error] = std::from_chars(value.data(), end, parsed);
    // The comparison is written so that a NaN fails it.
    const bool in_range = parsed >= min && parsed <= max;
    if (error != std::errc() || stopped != end || !in_range) {
      fail(fmt::format("flag '{}': '{}' is not a number from {} to {}", name, value, min, max));
      return;
    }
    number = parsed;
  }

  const std::string synopsis_;
  std::vector<boost::program_options::options_description> groups_;
  boost::program_options::variables_map given_;
  grpc::Status status_;
};

}  // namespace compiler_gym

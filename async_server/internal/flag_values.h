// The values of a flag as they were given, and how they are read.
#pragma once

#include <fmt/core.h>

#include <boost/filesystem/path.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym::internal {

/// What was given for one flag: at least one text.
/// Errors: of every reader INVALID_ARGUMENT with the flag, the value and what it may be.
class FlagValues {
 public:
  FlagValues(std::string flag, std::vector<std::string> texts)
      : flag_(std::move(flag)), texts_(std::move(texts)) {}

  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  /// Of a flag given several times the last one counts.
  [[nodiscard]] const std::string& text() const { return texts_.back(); }

  template <typename Number>
  [[nodiscard]] grpc::Status read(Number& number, Number min, Number max) const {
    const char* const end = text().data() + text().size();
    Number parsed{};
    const auto [parsed_to, error] = std::from_chars(text().data(), end, parsed);
    if (error != std::errc() || parsed_to != end || parsed < min || parsed > max) {
      return not_in_range(min, max);
    }
    number = parsed;
    return grpc::Status::OK;
  }

  /// With or without a suffix, see parse_bytes().
  [[nodiscard]] grpc::Status read_bytes(std::uint64_t& bytes, std::uint64_t min,
                                        std::uint64_t max) const;
  [[nodiscard]] grpc::Status read(bool& value) const;
  [[nodiscard]] grpc::Status read(boost::filesystem::path& path) const;
  /// Permissions as chmod takes them.
  [[nodiscard]] grpc::Status read_mode(unsigned& mode) const;
  /// Whether it is the first of two words.
  [[nodiscard]] grpc::Status choose(const char* first, const char* second, bool& chosen) const;

  [[nodiscard]] grpc::Status error(const std::string& what) const;

 private:
  template <typename Number>
  [[nodiscard]] grpc::Status not_in_range(Number min, Number max) const {
    return error(fmt::format("'{}' is not a number from {} to {}", text(), min, max));
  }

  std::string flag_;
  std::vector<std::string> texts_;
};

}  // namespace compiler_gym::internal

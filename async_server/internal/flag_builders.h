// Rows of the table of flags, by the kind of their value.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "async_server/internal/byte_size.h"
#include "async_server/internal/flag_table.h"

namespace compiler_gym::internal::flags {

inline constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 50;
inline constexpr int kMaxSeconds = 365 * 24 * 3600;

[[nodiscard]] inline Flag hidden(std::string name, std::string meaning) {
  return {.name = std::move(name),
          .argument = {},
          .standard = {},
          .meaning = std::move(meaning),
          .group = FlagGroup::kHidden};
}

[[nodiscard]] inline Flag action(std::string name, std::string meaning) {
  Flag flag = hidden(std::move(name), std::move(meaning));
  flag.group = FlagGroup::kCommon;
  return flag;
}

// One whose value is more than a number or a path; see what follows the helpers.
[[nodiscard]] inline Flag custom(
    std::string name, std::string argument, std::string standard, std::string meaning,
    FlagGroup group, std::function<grpc::Status(const FlagValues&, ServiceCommand&)> store) {
  return {.name = std::move(name),
          .argument = std::move(argument),
          .standard = std::move(standard),
          .meaning = std::move(meaning),
          .group = group,
          .store = std::move(store)};
}

[[nodiscard]] inline Flag repeatable(Flag flag) {
  flag.repeatable = true;
  return flag;
}

// In what follows `where` takes a ServiceCommand& and returns a reference to the member that the flag
// sets.

template <typename Where>
[[nodiscard]] Flag file(std::string name, FlagGroup group, std::string meaning, Where where) {
  return {.name = std::move(name),
          .argument = "FILE",
          .standard = {},
          .meaning = std::move(meaning),
          .group = group,
          .store = [where](const FlagValues& values, ServiceCommand& command) {
            return values.read(where(command));
          }};
}

template <typename Where>
[[nodiscard]] Flag boolean(std::string name, FlagGroup group, std::string meaning, Where where) {
  return {.name = std::move(name),
          .argument = "BOOL",
          .standard = "false",
          .meaning = std::move(meaning),
          .group = group,
          .is_switch = true,
          .store = [where](const FlagValues& values, ServiceCommand& command) {
            return values.read(where(command));
          }};
}

template <typename Number, typename Where>
[[nodiscard]] Flag number(std::string name, FlagGroup group, std::string meaning, Number min,
                          Number max, Where where) {
  ServiceCommand untouched;
  return {.name = std::move(name),
          .argument = "N",
          .standard = std::to_string(where(untouched)),
          .meaning = std::move(meaning),
          .group = group,
          .store = [where, min, max](const FlagValues& values, ServiceCommand& command) {
            return values.read(where(command), min, max);
          }};
}

// `where` is a number of bytes that derives from the budget.
template <typename Where>
[[nodiscard]] Flag bytes(std::string name, std::string meaning, std::uint64_t min, Where where) {
  ServiceCommand untouched;
  return {
      .name = std::move(name),
      .argument = "BYTES",
      .standard = fmt::format("from --memory_budget, {} at most", format_bytes(where(untouched))),
      .meaning = std::move(meaning),
      .store = [where, min](const FlagValues& values, ServiceCommand& command) {
        std::uint64_t given = 0;
        grpc::Status status = values.read_bytes(given, min, kMaxBytes);
        if (status.ok()) {
          where(command) = given;
        }
        return status;
      }};
}

// `where` is a duration.
template <typename Where>
[[nodiscard]] Flag duration(std::string name, FlagGroup group, std::string meaning, Where where) {
  ServiceCommand untouched;
  const auto standard = std::chrono::duration_cast<std::chrono::seconds>(where(untouched)).count();
  return {.name = std::move(name),
          .argument = "SECONDS",
          .standard = std::to_string(standard),
          .meaning = std::move(meaning),
          .group = group,
          .store = [where](const FlagValues& values, ServiceCommand& command) {
            int given = 0;
            grpc::Status status = values.read(given, 0, kMaxSeconds);
            if (status.ok()) {
              where(command) = std::chrono::seconds(given);
            }
            return status;
          }};
}

[[nodiscard]] inline Flag standing_for(std::string standard, Flag flag) {
  flag.standard = std::move(standard);
  return flag;
}

}  // namespace compiler_gym::internal::flags

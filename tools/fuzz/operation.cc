#include "tools/fuzz/operation.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <utility>

namespace compiler_gym::fuzz {
namespace {

using Kind = Operation::Kind;

constexpr std::array<std::pair<Kind, std::string_view>, 6> kKinds{{
    {Kind::kStart, "start"},
    {Kind::kFork, "fork"},
    {Kind::kStep, "step"},
    {Kind::kParameter, "parameter"},
    {Kind::kEnd, "end"},
    {Kind::kStream, "stream"},
}};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) {
      parts.push_back(text.substr(0, end));
    }
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return parts;
}

template <typename Number>
bool parse(std::string_view text, Number& number) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stopped, error] = std::from_chars(begin, end, number);
  return error == std::errc() && stopped == end;
}

bool parse(std::string_view text, std::vector<std::int64_t>& numbers) {
  for (const std::string_view part : split(text, ',')) {
    if (!parse(part, numbers.emplace_back())) {
      return false;
    }
  }
  return true;
}

bool parse(std::string_view text, std::string& value) {
  value = text;
  return true;
}

bool parse(std::string_view text, std::optional<int>& number) {
  return parse(text, number.emplace());
}

bool parse_field(std::string_view name, std::string_view value, Operation& operation) {
  if (name == "slot") {
    return parse(value, operation.slot);
  }
  if (name == "from") {
    return parse(value, operation.from);
  }
  if (name == "program") {
    return parse(value, operation.program);
  }
  if (name == "mutation") {
    return parse(value, operation.mutation);
  }
  if (name == "action_space") {
    return parse(value, operation.action_space);
  }
  if (name == "actions") {
    return parse(value, operation.actions);
  }
  if (name == "observe") {
    return parse(value, operation.observations);
  }
  if (name == "key") {
    return parse(value, operation.key);
  }
  if (name == "value") {
    return parse(value, operation.value);
  }
  if (name == "pad") {
    return parse(value, operation.pad);
  }
  return name == "timeout_ms" && parse(value, operation.timeout_ms);
}

}  // namespace

std::string to_string(const Operation& operation) {
  std::string line = fmt::format("{} ", operation.lane);
  for (const auto& [kind, name] : kKinds) {
    if (kind == operation.kind) {
      line += name;
    }
  }
  line += fmt::format(" slot={}", operation.slot);
  switch (operation.kind) {
    case Kind::kStart:
      line += fmt::format(" program={} mutation={} action_space={}", operation.program,
                          operation.mutation, operation.action_space);
      break;
    case Kind::kFork:
      line += fmt::format(" from={}", operation.from);
      break;
    case Kind::kStep:
      line += fmt::format(" actions={}", fmt::join(operation.actions, ","));
      break;
    case Kind::kParameter:
      line += fmt::format(" key={} value={}", operation.key, operation.value);
      break;
    case Kind::kEnd:
    case Kind::kStream:
      break;
  }
  if (!operation.observations.empty()) {
    line += fmt::format(" observe={}", fmt::join(operation.observations, ","));
  }
  if (operation.timeout_ms.has_value()) {
    line += fmt::format(" timeout_ms={}", *operation.timeout_ms);
  }
  if (operation.pad > 0) {
    line += fmt::format(" pad={}", operation.pad);
  }
  return line;
}

Result<Operation> parse_operation(std::string_view line) {
  const auto wrong = [line](std::string_view part, std::string_view why) {
    return invalid_argument(fmt::format("'{}': '{}' {}", line, part, why));
  };
  const std::vector<std::string_view> words = split(line, ' ');
  if (words.size() < 2) {
    return wrong(line, "lacks a lane and a kind");
  }
  Operation operation;
  if (!parse(words[0], operation.lane) || operation.lane < 0) {
    return wrong(words[0], "is not the number of a lane");
  }
  bool known = false;
  for (const auto& [kind, name] : kKinds) {
    if (name == words[1]) {
      operation.kind = kind;
      known = true;
    }
  }
  if (!known) {
    return wrong(words[1], "is not one of start, fork, step, parameter, end, stream");
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    if (equals == std::string_view::npos ||
        !parse_field(words[i].substr(0, equals), words[i].substr(equals + 1), operation)) {
      return wrong(words[i], "is not a field with a value of its kind");
    }
  }
  return operation;
}

Result<Sequence> parse_sequence(std::string_view text) {
  Sequence sequence;
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with('#')) {
      continue;
    }
    Result<Operation> operation = parse_operation(line);
    if (!operation) {
      return operation.error();
    }
    sequence.push_back(*std::move(operation));
  }
  return sequence;
}

}  // namespace compiler_gym::fuzz

#include "tools/load/operation_mix.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

namespace compiler_gym {
namespace {

constexpr std::array<std::string_view, kOperationCount> kNames{"step", "start", "fork", "end",
                                                               "version"};
constexpr std::uint32_t kMaxWeight = 1'000'000;

std::optional<std::uint32_t> parse_weight(std::string_view text) {
  std::uint32_t weight = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  const bool valid =
      error == std::errc() && stopped == text.data() + text.size() && weight <= kMaxWeight;
  return valid ? std::optional(weight) : std::nullopt;
}

}  // namespace

std::string_view to_string(Operation operation) {
  return kNames[static_cast<std::size_t>(operation)];
}

Result<OperationMix> OperationMix::parse(std::string_view text) {
  OperationMix mix;
  mix.weights_.fill(0);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto name = std::find(kNames.begin(), kNames.end(), part.substr(0, equals));
    if (name == kNames.end()) {
      return invalid_argument("'" + std::string(part) +
                              "' names none of step, start, fork, end, version");
    }
    const auto weight = parse_weight(part.substr(std::min(equals + 1, part.size())));
    if (!weight) {
      return invalid_argument("'" + std::string(part) + "' has no weight from 0 to 1000000");
    }
    mix.weights_[static_cast<std::size_t>(name - kNames.begin())] = *weight;
  }
  if (std::accumulate(mix.weights_.begin(), mix.weights_.end(), 0U) == 0) {
    return invalid_argument("no operation has a weight above 0");
  }
  return mix;
}

Operation OperationMix::draw(std::mt19937_64& random) const {
  const std::uint32_t total = std::accumulate(weights_.begin(), weights_.end(), 0U);
  auto left = static_cast<std::uint32_t>(random() % total);
  std::size_t operation = 0;
  while (left >= weights_[operation]) {
    left -= weights_[operation++];
  }
  return static_cast<Operation>(operation);
}

bool OperationMix::uses_sessions() const {
  return std::any_of(weights_.begin(), weights_.begin() + static_cast<int>(Operation::kVersion),
                     [](std::uint32_t weight) { return weight != 0; });
}

std::string OperationMix::to_string() const {
  std::string text;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] != 0) {
      text +=
          (text.empty() ? "" : ",") + std::string(kNames[i]) + "=" + std::to_string(weights_[i]);
    }
  }
  return text;
}

}  // namespace compiler_gym

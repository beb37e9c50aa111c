#include "sessions/internal/service_parameters.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace compiler_gym::internal {
namespace {

Result<std::size_t> parse_bytes(const std::string& key, const std::string& value) {
  std::size_t bytes = 0;
  const char* const end = value.data() + value.size();
  const auto [parsed_to, error] = std::from_chars(value.data(), end, bytes);
  if (error != std::errc() || parsed_to != end) {
    return invalid_argument(
        fmt::format("{}: expected a number of bytes, 0 or more, received: '{}'", key, value));
  }
  return bytes;
}

using Figures = StateGraph::Figures;

struct GraphFigure {
  std::string_view name;
  std::uint64_t (*value)(const Figures& figures);
};

constexpr std::string_view kGraphPrefix = "service.state_graph.get_";
constexpr std::array kGraphFigures{
    GraphFigure{"states", [](const Figures& graph) -> std::uint64_t { return graph.states; }},
    GraphFigure{"bytes", [](const Figures& graph) -> std::uint64_t { return graph.size_in_bytes; }},
    GraphFigure{"max_bytes",
                [](const Figures& graph) -> std::uint64_t { return graph.max_size_in_bytes; }},
    GraphFigure{"hits", [](const Figures& graph) { return graph.hits; }},
    GraphFigure{"misses", [](const Figures& graph) { return graph.misses; }},
    GraphFigure{"evictions", [](const Figures& graph) { return graph.evictions; }},
    GraphFigure{"conflicts", [](const Figures& graph) { return graph.conflicts; }},
};

std::optional<std::uint64_t> graph_figure(std::string_view key, const StateGraph& graph) {
  if (!key.starts_with(kGraphPrefix)) {
    return std::nullopt;
  }
  const auto* const found =
      std::ranges::find(kGraphFigures, key.substr(kGraphPrefix.size()), &GraphFigure::name);
  return found == kGraphFigures.end() ? std::nullopt : std::optional(found->value(graph.figures()));
}

}  // namespace

Result<std::string> handle_service_parameter(ContextHost& context_host, const std::string& key,
                                             const std::string& value) {
  BenchmarkCache& benchmarks = context_host.benchmarks();
  if (key == "service.benchmark_cache.set_max_size_in_bytes") {
    const Result<std::size_t> max_size_in_bytes = parse_bytes(key, value);
    if (!max_size_in_bytes) {
      return max_size_in_bytes.error();
    }
    if (!benchmarks.choose_max_size_in_bytes(*max_size_in_bytes)) {
      return invalid_argument(
          fmt::format("{}: the service keeps {} bytes of benchmarks at most, received: '{}'", key,
                      benchmarks.operators_max_size_in_bytes(), value));
    }
    return value;
  }
  if (key == "service.benchmark_cache.get_max_size_in_bytes") {
    return std::to_string(benchmarks.max_size_in_bytes());
  }
  if (key == "service.benchmark_cache.get_size_in_bytes") {
    return std::to_string(benchmarks.size_in_bytes());
  }
  if (const auto figure = graph_figure(key, context_host.state_graph()); figure.has_value()) {
    return std::to_string(*figure);
  }
  return invalid_argument("Unknown parameter: " + key);
}

}  // namespace compiler_gym::internal

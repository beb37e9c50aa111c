// A state graph and what tests put into it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context/state_graph.h"

namespace compiler_gym::testing {

inline WireBytes wire(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

inline StateOrigin origin(const std::string& uri, const std::string& program = "program") {
  auto benchmark = std::make_shared<Benchmark>();
  benchmark->set_uri(uri);
  benchmark->mutable_program()->set_contents(program);
  return {.benchmark = std::move(benchmark)};
}

/// A step of one action that changes the state, and has observations 0, 1, ... of these bytes.
inline StepOutcome changing(const std::vector<std::string>& observations = {}) {
  StepOutcome outcome;
  outcome.actions.push_back({});
  outcome.end.had_no_effect = false;
  for (const std::string& bytes : observations) {
    outcome.observations.push_back(
        {.space = static_cast<int>(outcome.observations.size()), .event = wire(bytes)});
  }
  return outcome;
}

/// A step of one action that does nothing at all.
inline StepOutcome idle() {
  StepOutcome outcome;
  outcome.actions.push_back({.had_no_effect = true, .left_no_trace = true});
  return outcome;
}

class StateGraphFixture : public ::testing::Test {
 protected:
  using State = StateGraph::State;
  using Actions = std::vector<std::string>;
  using Spaces = std::vector<int>;

  explicit StateGraphFixture(std::size_t max_size_in_bytes = std::size_t{1} << 20)
      : graph_(max_size_in_bytes) {}

  std::optional<StateGraph::KnownStep> find(State& state, const Actions& actions,
                                            const Spaces& observations = {}) {
    return graph_.find_step(state, {.actions = actions, .observations = observations});
  }
  /// The way from one state to another, as text: actions of one step are joined, parameters marked.
  std::vector<std::string> way(const State& from, const State& to) {
    std::vector<std::string> parts;
    for (const StateGraph::Part& part : graph_.path(from, to)) {
      std::string text = part.is_parameter ? "!" : "";
      for (const std::string& change : part.changes) {
        text += change;
      }
      parts.push_back(std::move(text));
    }
    return parts;
  }

  StateGraph graph_;
};

}  // namespace compiler_gym::testing

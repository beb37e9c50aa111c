// A program graph as text, for tests.
#pragma once

#include <string>
#include <vector>

#include "sessions/llvm/observations/programl_graph.h"

namespace compiler_gym {

/// The edges of one flow, for people: `operand 1: i32 %a -> ret i32 %a`.
[[nodiscard]] inline std::vector<std::string> edges(const ProgramGraph& graph, ProgramFlow flow) {
  std::vector<std::string> lines;
  auto name = [&](std::uint32_t node) {
    const ProgramNode& at = graph.nodes()[node];
    return std::string(at.full_text.empty() ? at.text : at.full_text);
  };
  for (const ProgramEdge& edge : graph.edges()) {
    if (edge.flow != flow) continue;
    lines.push_back(std::to_string(edge.position) + ": " + name(edge.source) + " -> " +
                    name(edge.target));
  }
  return lines;
}

/// The full texts of the nodes of one type, in order.
[[nodiscard]] inline std::vector<std::string> full_texts(const ProgramGraph& graph,
                                                         ProgramNodeType type) {
  std::vector<std::string> texts;
  for (const ProgramNode& node : graph.nodes()) {
    if (node.type == type) texts.emplace_back(node.full_text);
  }
  return texts;
}

}  // namespace compiler_gym

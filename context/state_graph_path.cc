// The way from one state to another.
#include <cassert>
#include <ranges>

#include "context/internal/state_node.h"
#include "context/state_graph.h"

namespace compiler_gym {

using internal::StateEdge;

std::vector<StateGraph::Part> StateGraph::path(const State& from, const State& to) const {
  const std::lock_guard lock(mutex_);
  std::vector<const StateEdge*> edges;
  for (Node* node = to.node_; node != from.node_ && node->parent != nullptr; node = node->parent) {
    edges.push_back(&*node->parent->edge_to(*node));
  }
  assert((!from || edges.empty() || edges.back()->target->parent == from.node_) &&
         "a way leads to what came of its beginning");
  std::vector<Part> parts;
  bool begin = true;
  for (const StateEdge* const edge : std::views::reverse(edges)) {
    if (begin || edge->is_parameter) {
      parts.push_back({.is_parameter = edge->is_parameter});
    }
    parts.back().changes.push_back(edge->change);
    parts.back().ends_episode = edge->ends_episode;
    begin = edge->is_parameter || edge->ends_episode || edge->target->may_end_here();
  }
  return parts;
}

bool StateGraph::leads_to(const State& from, const State& to) const {
  const std::lock_guard lock(mutex_);
  const Node* node = to.node_;
  while (node != nullptr && node != from.node_) {
    node = node->parent;
  }
  return node != nullptr;
}

}  // namespace compiler_gym

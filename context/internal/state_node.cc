#include "context/internal/state_node.h"

#include <algorithm>
#include <utility>

namespace compiler_gym::internal {
namespace {

// Shorter first: most differ in nothing but a byte or two, and not in their length.
bool comes_before(std::string_view one, std::string_view other) {
  return one.size() != other.size() ? one.size() < other.size() : one < other;
}

// What a string holds outside of itself.
std::size_t bytes_of(const std::string& text) {
  constexpr std::size_t kInside = 15;
  return text.capacity() > kInside ? text.capacity() + 1 : 0;
}

// With the counters of a shared object.
std::size_t bytes_of(const WireBytes& bytes) {
  return bytes == nullptr ? 0 : sizeof(std::string) + 2 * sizeof(long) + bytes_of(*bytes);
}

}  // namespace

StateEdge* StateNode::find(std::string_view change) {
  const auto found = std::ranges::lower_bound(edges, change, comes_before, &StateEdge::change);
  return found != edges.end() && found->change == change ? &*found : nullptr;
}

StateEdge& StateNode::add(StateEdge edge) {
  const auto where = std::ranges::lower_bound(edges, edge.change, comes_before, &StateEdge::change);
  return *edges.insert(where, std::move(edge));
}

std::vector<StateEdge>::iterator StateNode::edge_to(const StateNode& child) {
  return std::ranges::find(edges, &child, &StateEdge::target);
}

const WireBytes* StateNode::find_observation(int space) const {
  const auto found = std::ranges::find(observations, space, &StepObservation::space);
  return found != observations.end() ? &found->event : nullptr;
}

bool StateNode::may_end_here() const {
  return std::ranges::any_of(ends, &KnownEnd::known);
}

std::size_t StateNode::count_bytes() const {
  constexpr std::size_t kInList = 2 * sizeof(void*);
  constexpr std::size_t kInQueue = 2 * sizeof(void*);
  std::size_t bytes = sizeof(StateNode) + kInList + kInQueue;
  bytes += edges.capacity() * sizeof(StateEdge);
  for (const StateEdge& edge : edges) {
    bytes += bytes_of(edge.change) + bytes_of(edge.said);
  }
  bytes += observations.capacity() * sizeof(StepObservation);
  for (const StepObservation& observation : observations) {
    bytes += bytes_of(observation.event);
  }
  for (const KnownEnd& end : ends) {
    bytes += bytes_of(end.new_action_space);
  }
  return bytes;
}

}  // namespace compiler_gym::internal

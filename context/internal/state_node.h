// One state of a program in the state graph.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "context/step_outcome.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym::internal {

struct StateNode;

/// What one change, an action or a parameter, does to a state.
struct StateEdge {
  std::string change;
  bool had_no_effect = false;
  bool ends_episode = false;
  bool is_parameter = false;
  WireBytes said{};             ///< an action's new action space, or a parameter's reply
  StateNode* target = nullptr;  ///< the node itself, if the change leaves no trace; else a child
};

/// The states of one origin.
struct StateTree {
  std::shared_ptr<const Benchmark> benchmark;
  int action_space = 0;
  std::string program_stamp;
  std::size_t size_in_bytes = 0;  ///< without the nodes
  StateNode* root = nullptr;
};

/// A node, with the edges that lead out of it. Besides edges to itself these make a tree: the way from
/// the root is what has to be done to get here.
/// Threads:  none of its own; StateGraph's mutex guards it.
/// Lifetime: the graph's, in whose list it is.
struct StateNode {
  StateNode(StateTree& of, StateNode* its_parent) : tree(&of), parent(its_parent) {}

  StateTree* tree;
  StateNode* parent;               ///< null: the root
  std::vector<StateEdge> edges{};  ///< sorted by their change
  std::vector<StepObservation> observations{};
  /// By StepEnd::index(): what the end of a step said here.
  struct KnownEnd {
    bool known = false;
    bool ends_episode = false;
    WireBytes new_action_space{};
  };
  std::array<KnownEnd, 4> ends{};

  std::uint32_t children = 0;
  std::uint32_t pins = 0;      ///< sessions that stand here
  bool queued = false;         ///< to be looked at when bytes are wanted
  std::uint64_t last_use = 0;  ///< a count, not a time
  std::size_t size_in_bytes = 0;
  std::list<StateNode>::iterator place{};

  [[nodiscard]] StateEdge* find(std::string_view change);
  /// Which must not be there.
  StateEdge& add(StateEdge edge);
  /// The edge to a child, which is there.
  [[nodiscard]] std::vector<StateEdge>::iterator edge_to(const StateNode& child);
  [[nodiscard]] const WireBytes* find_observation(int space) const;
  [[nodiscard]] bool may_end_here() const;
  /// With all that hangs on it.
  [[nodiscard]] std::size_t count_bytes() const;
};

}  // namespace compiler_gym::internal

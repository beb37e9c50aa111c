#include "context/state_graph.h"

#include <algorithm>
#include <cassert>

#include "context/benchmark_cache.h"
#include "context/internal/state_node.h"

namespace compiler_gym {

using internal::StateEdge;

struct StateGraph::Trash {
  std::list<Node> nodes;
  std::list<Tree> trees;
  std::vector<std::vector<StepObservation>> observations;
};

StateGraph::StateGraph(std::size_t max_size_in_bytes) : max_size_in_bytes_(max_size_in_bytes) {}

StateGraph::~StateGraph() {
  assert(std::ranges::all_of(nodes_, [](const Node& node) { return node.pins == 0; }) &&
         "a state graph is destroyed when no session stands in it any more");
}

void StateGraph::set_max_size_in_bytes(std::size_t max_size_in_bytes) {
  max_size_in_bytes_ = max_size_in_bytes;
}

StateGraph::Figures StateGraph::figures() const {
  const std::lock_guard lock(mutex_);
  Figures figures = figures_;
  figures.states = nodes_.size();
  figures.max_size_in_bytes = max_size_in_bytes_;
  return figures;
}

// --------------------------------------------------------------------------------- where sessions stand

StateGraph::State::State(const State& other) : graph_(other.graph_), node_(other.node_) {
  if (node_ != nullptr) {
    const std::lock_guard lock(graph_->mutex_);
    ++node_->pins;
  }
}

StateGraph::State::~State() {
  if (node_ != nullptr) {
    graph_->release(*node_);
  }
}

void StateGraph::release(Node& node) noexcept {
  Trash trash;
  const std::lock_guard lock(mutex_);
  unpin_locked(node);
  evict_locked(trash);
}

StateGraph::State StateGraph::pinned_locked(Node& node) {
  ++node.pins;
  touch_locked(node);
  return {this, &node};
}

void StateGraph::unpin_locked(Node& node) {
  if (--node.pins == 0 && node.children == 0) {
    queue_locked(node);
  }
}

void StateGraph::move_locked(State& state, Node& to, Trash& trash) {
  ++to.pins;
  touch_locked(to);
  unpin_locked(*std::exchange(state.node_, &to));
  evict_locked(trash);
}

// ------------------------------------------------------------------------------------------------ starts

// Those that are to be compared by their content, which takes too long under the mutex.
std::vector<std::shared_ptr<const Benchmark>> StateGraph::alike(const StateOrigin& origin) {
  std::vector<std::shared_ptr<const Benchmark>> candidates;
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = by_uri_.equal_range(origin.benchmark->uri());
  for (auto tree = begin; tree != end; ++tree) {
    if (tree->second->benchmark != origin.benchmark &&
        std::ranges::find(candidates, tree->second->benchmark) == candidates.end()) {
      candidates.push_back(tree->second->benchmark);
    }
  }
  return candidates;
}

StateGraph::Tree* StateGraph::find_tree_locked(const StateOrigin& origin) {
  const auto [begin, end] = by_uri_.equal_range(origin.benchmark->uri());
  const auto found = std::find_if(begin, end, [&](const auto& entry) {
    return entry.second->benchmark == origin.benchmark &&
           entry.second->action_space == origin.action_space &&
           entry.second->program_stamp == origin.program_stamp;
  });
  return found == end ? nullptr : &*found->second;
}

StateGraph::State StateGraph::find_start(const StateOrigin& origin) {
  {
    const std::lock_guard lock(mutex_);
    if (Tree* const tree = find_tree_locked(origin); tree != nullptr) {
      return pinned_locked(*tree->root);
    }
  }
  // The benchmark may have been sent again after it had to make room for others.
  for (const std::shared_ptr<const Benchmark>& candidate : alike(origin)) {
    if (!same_content(*candidate, *origin.benchmark)) {
      continue;
    }
    const std::lock_guard lock(mutex_);
    const auto [begin, end] = by_uri_.equal_range(origin.benchmark->uri());
    for (auto tree = begin; tree != end; ++tree) {
      if (tree->second->benchmark == candidate) {
        tree->second->benchmark = origin.benchmark;
      }
    }
    if (Tree* const tree = find_tree_locked(origin); tree != nullptr) {
      return pinned_locked(*tree->root);
    }
  }
  return {};
}

StateGraph::State StateGraph::add_start(const StateOrigin& origin) {
  const std::size_t content = origin.benchmark->ByteSizeLong();
  Trash trash;
  const std::lock_guard lock(mutex_);
  if (Tree* const tree = find_tree_locked(origin); tree != nullptr) {
    return pinned_locked(*tree->root);
  }
  const std::string& uri = origin.benchmark->uri();
  trees_.push_front({.benchmark = origin.benchmark,
                     .action_space = origin.action_space,
                     .program_stamp = origin.program_stamp,
                     .size_in_bytes = sizeof(Tree) + 2 * uri.size() + content});
  Tree& tree = trees_.front();
  by_uri_.emplace(uri, trees_.begin());
  figures_.size_in_bytes += tree.size_in_bytes;
  tree.root = &add_node_locked(tree, nullptr);
  State state = pinned_locked(*tree.root);
  evict_locked(trash);
  return state;
}

// ------------------------------------------------------------------------------------------ observations

bool StateGraph::collect_locked(const Node& node, std::span<const int> spaces,
                                std::size_t max_bytes, WireBytesList& found) {
  constexpr std::size_t kAround = 64;  // more than what an observation is wrapped in
  std::size_t bytes = kAround;
  found.reserve(spaces.size());
  for (const int space : spaces) {
    const WireBytes* const known = node.find_observation(space);
    if (known == nullptr) {
      return false;
    }
    bytes += (*known)->size() + kAround;
    if (bytes > max_bytes) {
      return false;
    }
    found.push_back(*known);
  }
  return true;
}

std::optional<WireBytesList> StateGraph::find_observations(const State& state,
                                                           std::span<const int> spaces,
                                                           std::size_t max_bytes) {
  WireBytesList found;
  const std::lock_guard lock(mutex_);
  if (!collect_locked(*state.node_, spaces, max_bytes, found)) {
    ++figures_.misses;
    return std::nullopt;
  }
  ++figures_.hits;
  return found;
}

void StateGraph::add_observations(const State& state,
                                  const std::vector<StepObservation>& observations) {
  Trash trash;
  const std::lock_guard lock(mutex_);
  add_observations_locked(*state.node_, observations);
  evict_locked(trash);
}

void StateGraph::add_observations_locked(Node& node,
                                         const std::vector<StepObservation>& observations) {
  for (const StepObservation& observation : observations) {
    if (observation.event->size() <= max_observation_bytes() &&
        node.find_observation(observation.space) == nullptr) {
      node.observations.push_back(observation);
    }
  }
  recount_locked(node);
  if (!node.observations.empty()) {
    queue_locked(node);
  }
}

// ------------------------------------------------------------------------------------------------- steps

std::optional<StateGraph::KnownStep> StateGraph::find_step(State& state, const StepKeys& step) {
  KnownStep known;
  Trash trash;
  const std::lock_guard lock(mutex_);
  Node* node = state.node_;
  for (auto action = step.actions.begin(); action != step.actions.end() && !known.end_of_session;
       ++action) {
    const StateEdge* const edge = node->find(*action);
    if (edge == nullptr) {
      ++figures_.misses;
      return std::nullopt;
    }
    known.had_no_effect &= edge->had_no_effect;
    known.end_of_session = edge->ends_episode;
    if (edge->said != nullptr) {
      known.new_action_space = edge->said;
    }
    node = edge->target;
  }
  const StepEnd told{.had_no_effect = known.had_no_effect, .episode_ended = known.end_of_session};
  const Node::KnownEnd& end = node->ends[told.index()];
  if (!end.known ||
      !collect_locked(*node, step.observations, step.max_reply_bytes, known.observations)) {
    ++figures_.misses;
    return std::nullopt;
  }
  known.end_of_session = end.ends_episode;
  if (end.new_action_space != nullptr) {
    known.new_action_space = end.new_action_space;
  }
  ++figures_.hits;
  move_locked(state, *node, trash);
  return known;
}

void StateGraph::add_step(State& state, std::span<const std::string> actions,
                          const StepOutcome& outcome) {
  Trash trash;
  State left;  // a state that is let go of takes the mutex: after this has been given back
  const std::lock_guard lock(mutex_);
  Node* node = state.node_;
  for (std::size_t i = 0; i < outcome.actions.size() && node != nullptr; ++i) {
    const ActionOutcome& action = outcome.actions[i];
    node = follow_locked(*node,
                         {.change = actions[i],
                          .had_no_effect = action.had_no_effect,
                          .ends_episode = action.ends_episode,
                          .said = action.new_action_space},
                         action.left_no_trace);
  }
  if (node == nullptr) {
    ++figures_.conflicts;
    std::swap(left, state);
    return;
  }
  note_end(*node, outcome.end);
  add_observations_locked(*node, outcome.observations);
  move_locked(state, *node, trash);
}

void StateGraph::note_end(Node& node, const StepEnd& end) {
  node.ends[end.index()] = {
      .known = true, .ends_episode = end.ends_episode, .new_action_space = end.new_action_space};
  if (end.only_checks) {
    for (const bool no_effect : {false, true}) {
      for (const bool ended : {false, true}) {
        const StepEnd told{.had_no_effect = no_effect, .episode_ended = ended};
        node.ends[told.index()] = {.known = true, .ends_episode = ended, .new_action_space = {}};
      }
    }
  }
}

// To where the change leads, which it is seen to do now. Null if it has been seen to do something else.
StateGraph::Node* StateGraph::follow_locked(Node& from, StateEdge edge, bool left_no_trace) {
  if (const StateEdge* const known = from.find(edge.change); known != nullptr) {
    const bool same_space = (known->said == nullptr) == (edge.said == nullptr) &&
                            (edge.said == nullptr || *known->said == *edge.said);
    const bool same = known->had_no_effect == edge.had_no_effect &&
                      known->ends_episode == edge.ends_episode && same_space;
    return same ? known->target : nullptr;
  }
  edge.target = left_no_trace ? &from : &add_node_locked(*from.tree, &from);
  Node* const target = edge.target;
  from.add(std::move(edge));
  recount_locked(from);
  return target;
}

StateGraph::Node& StateGraph::add_node_locked(Tree& tree, Node* parent) {
  Node& node = nodes_.emplace_front(tree, parent);
  node.place = nodes_.begin();
  touch_locked(node);
  recount_locked(node);
  if (parent != nullptr) {
    ++parent->children;
  }
  return node;
}

// -------------------------------------------------------------------------------------------- parameters

WireBytes StateGraph::find_parameter(State& state, const std::string& change) {
  Trash trash;
  const std::lock_guard lock(mutex_);
  const StateEdge* const edge = state.node_->find(change);
  if (edge == nullptr) {
    ++figures_.misses;
    return nullptr;
  }
  ++figures_.hits;
  WireBytes reply = edge->said;
  move_locked(state, *edge->target, trash);
  return reply;
}

void StateGraph::add_parameter(State& state, const std::string& change, const std::string& reply) {
  Trash trash;
  State left;
  const std::lock_guard lock(mutex_);
  Node* const node = follow_locked(
      *state.node_,
      {.change = change, .is_parameter = true, .said = std::make_shared<const std::string>(reply)},
      false);
  if (node == nullptr) {
    ++figures_.conflicts;
    std::swap(left, state);
    return;
  }
  move_locked(state, *node, trash);
}

// -------------------------------------------------------------------------------------------- the bound

void StateGraph::touch_locked(Node& node) {
  node.last_use = ++uses_;
}

void StateGraph::queue_locked(Node& node) {
  if (!node.queued) {
    node.queued = true;
    queue_.push({node.last_use, &node});
  }
}

void StateGraph::recount_locked(Node& node) {
  figures_.size_in_bytes -= node.size_in_bytes;
  node.size_in_bytes = node.count_bytes();
  figures_.size_in_bytes += node.size_in_bytes;
}

void StateGraph::evict_locked(Trash& trash) {
  while (figures_.size_in_bytes > max_size_in_bytes_ && !queue_.empty()) {
    const Queued oldest = queue_.top();
    queue_.pop();
    Node& node = *oldest.node;
    node.queued = false;
    if (node.last_use != oldest.last_use) {
      queue_locked(node);
    } else if (node.pins == 0 && node.children == 0) {
      remove_locked(node, trash);
    } else if (!node.observations.empty()) {
      trash.observations.push_back(std::exchange(node.observations, {}));
      recount_locked(node);
    }
  }
}

void StateGraph::remove_locked(Node& leaf, Trash& trash) {
  ++figures_.evictions;
  figures_.size_in_bytes -= leaf.size_in_bytes;
  if (Node* const parent = leaf.parent; parent != nullptr) {
    parent->edges.erase(parent->edge_to(leaf));
    recount_locked(*parent);
    if (--parent->children == 0 && parent->pins == 0) {
      queue_locked(*parent);
    }
  } else {
    Tree& tree = *leaf.tree;
    figures_.size_in_bytes -= tree.size_in_bytes;
    const auto [begin, end] = by_uri_.equal_range(tree.benchmark->uri());
    const auto entry =
        std::find_if(begin, end, [&](const auto& one) { return &*one.second == &tree; });
    trash.trees.splice(trash.trees.begin(), trees_, entry->second);
    by_uri_.erase(entry);
  }
  trash.nodes.splice(trash.nodes.begin(), nodes_, leaf.place);
}

}  // namespace compiler_gym

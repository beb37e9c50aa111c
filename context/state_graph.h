// What sessions have computed, so that no other session computes it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "context/step_outcome.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

namespace internal {
struct StateEdge;
struct StateNode;
struct StateTree;
}  // namespace internal

/// What sessions have in common that start in the same state.
struct StateOrigin {
  std::shared_ptr<const Benchmark> benchmark;  ///< by its content
  int action_space = 0;
  /// Tells a program that lies outside of the benchmark, in a file, from what it was before.
  std::string program_stamp{};
};

/// For each origin a graph: a node is a state that some session has been in, an edge what an action or
/// a parameter, a *change*, does to it. Two ways to the same program are two nodes, since they need not
/// be equal in what nobody sees and later actions depend on: how names are made unique, in which order
/// uses are listed. Only a change that leaves no trace leads back to where it began.
///
/// A change is named by bytes, which are its user's business: equal ones do the same.
/// What is put in here is taken for true ever after: failures, cancelled steps and what is not
/// deterministic have no place here.
///
/// Bound:    in bytes, of nodes, edges, observations and the benchmarks of the origins. What was used
///           longest ago goes first: states that no session stands in and that nothing has come of, then
///           observations of others. States on the way to where sessions stand remain, as the way is
///           what tells how to get there, if need be over the bound.
/// Threads:  every member of StateGraph and State may be called from any thread; one mutex guards all
///           graphs, for as long as a few look-ups take. What is let go of is destroyed outside of it.
/// Lifetime: must outlive its States. Bytes that were handed out live as long as anybody holds them.
class StateGraph {
 public:
  /// A state of which what is known is kept, as a session stands there. Null: of nothing.
  class State {
   public:
    State() = default;
    State(const State& other);
    State(State&& other) noexcept
        : graph_(std::exchange(other.graph_, nullptr)),
          node_(std::exchange(other.node_, nullptr)) {}
    State& operator=(State other) noexcept {
      std::swap(graph_, other.graph_);
      std::swap(node_, other.node_);
      return *this;
    }
    ~State();

    explicit operator bool() const { return node_ != nullptr; }
    friend bool operator==(const State& one, const State& other) {
      return one.node_ == other.node_;
    }

   private:
    friend class StateGraph;
    /// The node has been pinned.
    State(StateGraph* graph, internal::StateNode* node) : graph_(graph), node_(node) {}

    StateGraph* graph_ = nullptr;
    internal::StateNode* node_ = nullptr;
  };

  struct Figures {
    std::size_t states = 0;
    std::size_t size_in_bytes = 0;
    std::size_t max_size_in_bytes = 0;
    std::uint64_t hits = 0;       ///< steps, starts and parameters that were known
    std::uint64_t misses = 0;     ///< that were not
    std::uint64_t evictions = 0;  ///< states let go of
    std::uint64_t conflicts = 0;  ///< steps that did not do what the same did before
  };

  /// With a bound of 0 it remembers nothing: enabled() is false, and nothing else is to be called.
  explicit StateGraph(std::size_t max_size_in_bytes = 0);
  StateGraph(const StateGraph&) = delete;
  StateGraph& operator=(const StateGraph&) = delete;
  ~StateGraph();

  /// Before it is used.
  void set_max_size_in_bytes(std::size_t max_size_in_bytes);
  [[nodiscard]] bool enabled() const { return max_size_in_bytes_ != 0; }
  /// A larger one would push out many others, and is computed again.
  [[nodiscard]] std::size_t max_observation_bytes() const { return max_size_in_bytes_ / 8; }

  /// Where sessions of that origin start; null if none has been seen to. May compare the benchmark's
  /// content with one that looks alike.
  [[nodiscard]] State find_start(const StateOrigin& origin);
  /// A session of that origin has started.
  [[nodiscard]] State add_start(const StateOrigin& origin);

  /// These observations, as often as they are asked for; nothing if one is not known.
  [[nodiscard]] std::optional<WireBytesList> find_observations(const State& state,
                                                               std::span<const int> spaces,
                                                               std::size_t max_bytes = SIZE_MAX);
  void add_observations(const State& state, const std::vector<StepObservation>& observations);

  /// What is asked for in a step.
  struct StepKeys {
    std::span<const std::string> actions;
    std::span<const int> observations;
    /// What would be larger counts as not known.
    std::size_t max_reply_bytes = SIZE_MAX;
  };
  /// What is answered.
  struct KnownStep {
    bool end_of_session = false;
    bool had_no_effect = true;
    WireBytes new_action_space{};
    WireBytesList observations{};
  };
  /// If all of it is known, moves `state` to where the step leads. Otherwise that stays.
  [[nodiscard]] std::optional<KnownStep> find_step(State& state, const StepKeys& step);
  /// Puts in what was seen and moves `state` there. To null if the same has been seen to do something
  /// else: what led here is not deterministic.
  void add_step(State& state, std::span<const std::string> actions, const StepOutcome& outcome);

  /// The reply to a parameter, if it is known, in which case `state` is moved.
  [[nodiscard]] WireBytes find_parameter(State& state, const std::string& change);
  void add_parameter(State& state, const std::string& change, const std::string& reply);

  /// What has to be done at one time, to get from one state to another.
  struct Part {
    /// Of one step, in their order: between these no step has been seen to end well. Or one parameter.
    std::vector<std::string> changes{};
    bool is_parameter = false;
    /// The last one ends the episode: of one step nothing is done after it.
    bool ends_episode = false;
  };
  /// From `from`, which `to` came of, or from its start if that is null. The parts of it have been seen to succeed.
  [[nodiscard]] std::vector<Part> path(const State& from, const State& to) const;

  /// Whether path() can be asked of these.
  [[nodiscard]] bool leads_to(const State& from, const State& to) const;

  [[nodiscard]] Figures figures() const;

 private:
  using Node = internal::StateNode;
  using Tree = internal::StateTree;
  struct Trash;  // what is destroyed when the mutex is free again

  /// To be looked at when bytes are wanted. A node can have been used since it was queued.
  struct Queued {
    std::uint64_t last_use;
    Node* node;
    bool operator<(const Queued& other) const { return last_use > other.last_use; }
  };

  [[nodiscard]] State pinned_locked(Node& node);
  void move_locked(State& state, Node& to, Trash& trash);
  void unpin_locked(Node& node);
  void touch_locked(Node& node);
  void queue_locked(Node& node);
  void recount_locked(Node& node);

  [[nodiscard]] Tree* find_tree_locked(const StateOrigin& origin);
  [[nodiscard]] std::vector<std::shared_ptr<const Benchmark>> alike(const StateOrigin& origin);
  Node& add_node_locked(Tree& tree, Node* parent);
  void add_observations_locked(Node& node, const std::vector<StepObservation>& observations);
  [[nodiscard]] static bool collect_locked(const Node& node, std::span<const int> spaces,
                                           std::size_t max_bytes, WireBytesList& found);
  static void note_end(Node& node, const StepEnd& end);
  [[nodiscard]] Node* follow_locked(Node& from, internal::StateEdge edge, bool left_no_trace);

  void evict_locked(Trash& trash);
  void remove_locked(Node& leaf, Trash& trash);
  void release(Node& node) noexcept;

  std::size_t max_size_in_bytes_;  // not changed any more once the graph is used

  mutable std::mutex mutex_;  // guards what follows
  std::list<Node> nodes_;
  std::list<Tree> trees_;
  std::unordered_multimap<std::string, std::list<Tree>::iterator> by_uri_;
  std::priority_queue<Queued> queue_;
  std::uint64_t uses_ = 0;
  Figures figures_;
};

}  // namespace compiler_gym

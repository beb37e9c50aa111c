// Searches the shortest object code of one program, with many sessions at once.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "core/support/clock.h"
#include "core/support/status.h"
#include "tools/demo/program_client.h"
#include "tools/demo/sequence_search.h"

namespace compiler_gym {

/// What the demo found out about one program.
struct ProgramResult {
  std::string name;
  Baselines baselines;
  ScoredSequence best;
};

/// async_search() any number of times concurrently; then, one after the other, async_end_incumbent(),
/// async_prune() and async_verify().
/// Threads: on one strand.
class ProgramSearch {
 public:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  ProgramSearch(std::string name, ProgramClient client, SequenceSearch search);

  [[nodiscard]] Awaitable<grpc::Status> async_measure_baselines();

  /// One searcher, until `*until`, which may change meanwhile. A sequence that fails is dropped.
  [[nodiscard]] Awaitable<void> async_search(const Clock::time_point* until);

  /// Ends the session that searchers fork from.
  [[nodiscard]] Awaitable<void> async_end_incumbent();

  /// Leaves out of the best sequence what it does as well without.
  [[nodiscard]] Awaitable<void> async_prune(const Clock::time_point* until);

  /// Replays the best sequence twice in new sessions, all at once and action by action. DATA_LOSS if
  /// they differ from each other, or from the size found.
  [[nodiscard]] Awaitable<grpc::Status> async_verify();

  [[nodiscard]] const ProgramResult& result() const { return result_; }
  [[nodiscard]] bool beats_oz() const { return result_.best.size < result_.baselines.oz; }

 private:
  /// A session left in the state of the best sequence so far, for forks.
  struct Incumbent {
    std::int64_t session_id = 0;
    ActionSequence actions;
    int users = 0;         ///< forks under way
    bool retired = false;  ///< a better one has come; the last user ends it
  };

  [[nodiscard]] Awaitable<void> try_proposal();
  [[nodiscard]] Awaitable<void> explore_from_incumbent(const Clock::time_point* until);
  [[nodiscard]] Awaitable<void> walk(std::int64_t session_id, ActionSequence actions,
                                     const Clock::time_point* until);
  [[nodiscard]] Awaitable<void> replace_incumbent(std::shared_ptr<Incumbent> replacement);
  [[nodiscard]] Awaitable<bool> prune_once(const Clock::time_point* until);
  void report(const ScoredSequence& scored);

  ProgramClient client_;
  SequenceSearch search_;
  std::shared_ptr<Incumbent> incumbent_;
  ProgramResult result_;
};

}  // namespace compiler_gym

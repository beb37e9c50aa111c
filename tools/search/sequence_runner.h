// Runs sequences of passes on one program, in sessions of the service, and measures what they come to.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <string>

#include "core/support/status.h"
#include "tools/search/pass_list.h"
#include "tools/search/search_client.h"
#include "tools/search/search_method.h"

namespace compiler_gym {

/// Keeps sessions in the states that proposals are to be forked from.
/// Threads:  one measurement at a time, on one strand.
/// Lifetime: refers to the client and the passes; async_end() once, at last.
/// Errors:   the client's.
class SequenceRunner {
 public:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  SequenceRunner(SearchClient& client, const PassList& passes, std::string benchmark_uri,
                 int observation_space);

  [[nodiscard]] Awaitable<Result<std::int64_t>> async_measure(Proposal proposal);

  /// Ends the sessions that are kept.
  [[nodiscard]] Awaitable<void> async_end();

 private:
  struct Kept {
    PassSequence passes;
    std::int64_t session = 0;
  };

  /// A new session in the state after these passes.
  [[nodiscard]] Awaitable<Result<std::int64_t>> start_after(PassSequence passes);
  [[nodiscard]] Awaitable<Result<std::int64_t>> fork_after(PassSequence passes);

  SearchClient& client_;
  const PassList& passes_;
  const std::string benchmark_uri_;
  const int observation_space_;
  std::deque<Kept> kept_;  // the most recently used first
};

}  // namespace compiler_gym

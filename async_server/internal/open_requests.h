// The requests that a stream has taken on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <unordered_map>
#include <utility>
#include <vector>

#include "async_server/stream_options.h"

namespace compiler_gym::internal {

/// A request is open from open() until gRPC has taken its reply, or nobody is there to take it. Its
/// bytes are its own until it is answered, and then those of its reply.
/// Threads: one at a time.
class OpenRequests {
 public:
  explicit OpenRequests(const StreamOptions& options) : options_(options) {}

  /// Whether one more of that size is within the bounds. A single one always is.
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return open_ == 0 || (open_ < options_.max_requests_in_flight &&
                          bytes_ + bytes <= options_.max_bytes_in_flight);
  }

  /// False if there is one of that id which is not answered: this one is open all the same, but not
  /// known by its id.
  bool open(std::uint64_t id, std::size_t bytes, std::stop_source stop) {
    ++open_;
    bytes_ += bytes;
    return unanswered_.try_emplace(id, Unanswered{opened_++, std::move(stop)}).second;
  }

  /// `by_id` is what open() returned.
  void answered(std::uint64_t id, bool by_id, std::size_t request_bytes, std::size_t reply_bytes) {
    if (by_id) {
      unanswered_.erase(id);
    }
    bytes_ += reply_bytes;
    bytes_ -= request_bytes;
  }

  /// So many replies, of so many bytes together, have gone.
  void close(std::size_t replies, std::size_t bytes) {
    open_ -= replies;
    bytes_ -= bytes;
  }

  [[nodiscard]] bool none() const { return open_ == 0; }

  /// What stops the unanswered ones, in the order in which to do it: the last one first, so that a
  /// request that waits in its session is stopped before the one that runs there, and so does not take
  /// its turn.
  [[nodiscard]] std::vector<std::stop_source> stops() const {
    std::vector<Unanswered> sorted;
    for (const auto& [id, unanswered] : unanswered_) {
      sorted.push_back(unanswered);
    }
    std::ranges::sort(sorted, std::greater(), &Unanswered::turn);
    std::vector<std::stop_source> stops;
    for (Unanswered& unanswered : sorted) {
      stops.push_back(std::move(unanswered.stop));
    }
    return stops;
  }

 private:
  struct Unanswered {
    std::uint64_t turn = 0;  // its place in the order in which requests were opened
    std::stop_source stop;
  };

  const StreamOptions options_;
  std::unordered_map<std::uint64_t, Unanswered> unanswered_;  // by id
  std::uint64_t opened_ = 0;
  std::size_t open_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace compiler_gym::internal

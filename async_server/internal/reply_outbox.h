// Replies of one stream on their way to gRPC.
#pragma once

#include <cstddef>
#include <deque>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "async_server/internal/request_budget.h"

namespace compiler_gym::internal {

/// Groups replies into messages: one is being written, and what comes meanwhile goes together in
/// the next. No threads, no locks, no I/O: StreamCall performs what it decides.
class ReplyOutbox {
 public:
  /// A message is closed when it has so many bytes, so that clients with gRPC's default limit of
  /// 4 MB can take it; a single reply may have more.
  static constexpr std::size_t kMessageBytes = std::size_t{1} << 20;

  struct Message {
    std::string bytes{};                         ///< a ReplyBatch
    std::size_t size = 0;                        ///< of it
    std::size_t replies = 0;                     ///< in it
    std::vector<RequestBudget::Share> shares{};  ///< of the requests
  };

  /// `reply` is a ReplyBatch of one; `share` goes with the message.
  void add(std::string reply, RequestBudget::Share share) {
    const std::size_t size = reply.size();
    if (waiting_.empty() || waiting_.back().size + size > kMessageBytes) {
      waiting_.push_back({.bytes = std::move(reply)});
    } else {
      waiting_.back().bytes += reply;
    }
    waiting_.back().size += size;
    ++waiting_.back().replies;
    waiting_.back().shares.push_back(std::move(share));
  }

  /// Whether the caller is to write take() now.
  [[nodiscard]] bool ready() const { return !writing_ && !waiting_.empty(); }
  /// If ready(). Nothing is ready from here until written().
  [[nodiscard]] Message take() {
    writing_ = true;
    Message message = std::move(waiting_.front());
    waiting_.pop_front();
    return message;
  }
  void written() { writing_ = false; }

  /// Nobody reads any more: returns what waits.
  [[nodiscard]] std::vector<Message> clear() {
    std::vector<Message> dropped(std::move_iterator(waiting_.begin()),
                                 std::move_iterator(waiting_.end()));
    waiting_.clear();
    return dropped;
  }

 private:
  bool writing_ = false;
  std::deque<Message> waiting_;
};

}  // namespace compiler_gym::internal

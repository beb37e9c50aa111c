// One stream without its gRPC call: what is to be written, when it ends.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "async_server/internal/open_requests.h"
#include "async_server/internal/reply_outbox.h"
#include "async_server/internal/request_budget.h"
#include "async_server/stream_options.h"

namespace compiler_gym::internal {

/// Takes what happens to a stream, and decides what follows from that: after each event the caller
/// performs next(). No threads, no locks, no I/O; StreamCall has those.
class StreamState {
 public:
  explicit StreamState(const StreamOptions& options) : requests_(options) {}

  /// What is to be done now.
  struct Next {
    std::vector<ReplyOutbox::Message> dropped{};  ///< that nobody will read
    std::optional<ReplyOutbox::Message> write{};  ///< until written()
    const grpc::Status* finish = nullptr;         ///< the call with this
    bool resume = false;                          ///< who waits for room, or for the end
  };
  [[nodiscard]] Next next() {
    Next next;
    if (broken_) {
      next.dropped = outbox_.clear();
      for (const ReplyOutbox::Message& message : next.dropped) {
        requests_.close(message.replies, message.size);
      }
    } else if (outbox_.ready() && !holds_replies()) {
      next.write = outbox_.take();
      writing_ = {.size = next.write->size, .replies = next.write->replies};
    }
    // What is being written is open, so nothing is.
    if (end_status_ && requests_.none() && !in_batch_ && !finishing_) {
      finishing_ = true;
      next.finish = &*end_status_;
    }
    next.resume = wanted_room_ ? broken_ || requests_.has_room(*wanted_room_) : over();
    if (next.resume) {
      wanted_room_.reset();
    }
    return next;
  }

  /// A message was read. False if the stream has ended, and nothing can be answered.
  [[nodiscard]] bool begin_batch() { return in_batch_ = !finishing_; }
  /// Replies are kept until batch_done(), unless somebody waits for room.
  void hold_replies() { hold_replies_ = true; }
  void batch_done() { in_batch_ = hold_replies_ = false; }

  [[nodiscard]] bool has_room(std::size_t bytes) const { return requests_.has_room(bytes); }
  void wait_for_room(std::size_t bytes) { wanted_room_ = bytes; }

  /// See OpenRequests::open().
  bool open(std::uint64_t id, std::size_t bytes, std::stop_source stop) {
    return requests_.open(id, bytes, std::move(stop));
  }
  void answer(std::uint64_t id, bool by_id, std::size_t request_bytes, std::string reply,
              RequestBudget::Share share) {
    requests_.answered(id, by_id, request_bytes, reply.size());
    outbox_.add(std::move(reply), std::move(share));
  }
  /// The first status counts.
  void end_when_answered(const grpc::Status& status) {
    if (!end_status_) {
      end_status_ = status;
    }
  }

  /// Not `ok`: nobody reads any more.
  void written(bool ok) {
    outbox_.written();
    const Writing written = std::exchange(writing_, {});
    requests_.close(written.replies, written.size);
    broken_ = broken_ || !ok;
  }
  /// The client is gone. Returns what stops its requests, in order.
  [[nodiscard]] std::vector<std::stop_source> client_gone() {
    broken_ = true;
    return requests_.stops();
  }
  [[nodiscard]] bool broken() const { return broken_; }

  /// One of the call's two last events: that it is over, and that it was finished.
  void event_came() { --events_to_come_; }
  [[nodiscard]] bool over() const { return events_to_come_ == 0; }

 private:
  struct Writing {
    std::size_t size = 0;
    std::size_t replies = 0;
  };

  [[nodiscard]] bool holds_replies() const { return hold_replies_ && !wanted_room_; }

  OpenRequests requests_;
  ReplyOutbox outbox_;
  Writing writing_;
  std::optional<std::size_t> wanted_room_;
  std::optional<grpc::Status> end_status_;
  bool in_batch_ = false;
  bool hold_replies_ = false;
  bool broken_ = false;
  bool finishing_ = false;
  int events_to_come_ = 2;
};

}  // namespace compiler_gym::internal

// The requests of one stream of a client without their gRPC call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/support/status.h"
#include "core/unique_handler.h"
#include "proto/compiler_gym_stream.pb.h"

namespace compiler_gym::internal {

/// Which of them go in the next message, and who waits for which reply. Decides what is to be written
/// next; StreamConnection writes it.
/// Threads: one at a time.
class StreamRequests {
 public:
  using ReplyHandler = UniqueHandler<void(Result<StreamReply>)>;

  /// Whether add() may be called: not once the client's side is closing or the stream has ended.
  [[nodiscard]] bool taken() const { return !closing_ && !ended_; }
  /// Sets the request's id.
  void add(StreamRequest request, ReplyHandler handler) {
    request.set_id(next_id_++);
    unanswered_.emplace(request.id(), std::move(handler));
    if (waiting_.empty() || waiting_.back().request_size() >= kMaxBatch) {
      waiting_.emplace_back();
    }
    *waiting_.back().add_request() = std::move(request);
  }

  /// The stream has begun: from here on something can be written.
  void started() { started_ = true; }
  /// No more comes: the client's side is to be closed when all is written.
  void close() { closing_ = true; }
  /// No reply comes any more.
  void end() { ended_ = true; }
  [[nodiscard]] bool ended() const { return ended_; }

  enum class Action {
    kNothing,
    kWrite,       ///< the batch
    kCloseWrites  ///< of the client's side
  };
  struct Next {
    Action action = Action::kNothing;
    RequestBatch batch{};
  };
  /// What is to be done now; once it is, written() is to be called.
  [[nodiscard]] Next next() {
    if (!started_ || writing_ || delivering_ || closed_ || ended_) {
      return {};
    }
    if (!waiting_.empty()) {
      writing_ = true;
      Next next{.action = Action::kWrite, .batch = std::move(waiting_.front())};
      waiting_.pop_front();
      return next;
    }
    if (closing_) {
      writing_ = true;
      closed_ = true;
      return {.action = Action::kCloseWrites};
    }
    return {};
  }
  void written() { writing_ = false; }
  [[nodiscard]] bool writing() const { return writing_; }

  /// The handlers of a batch's replies, in its order, an empty one for a reply that nobody has asked
  /// for. Nothing is written until delivered(): what they ask for goes in one message.
  [[nodiscard]] std::vector<ReplyHandler> deliver(const ReplyBatch& batch) {
    delivering_ = true;
    std::vector<ReplyHandler> handlers(static_cast<std::size_t>(batch.reply_size()));
    for (int i = 0; i < batch.reply_size(); ++i) {
      if (auto node = unanswered_.extract(batch.reply(i).id())) {
        handlers[static_cast<std::size_t>(i)] = std::move(node.mapped());
      }
    }
    return handlers;
  }
  void delivered() { delivering_ = false; }

  /// Those whose replies will not come.
  [[nodiscard]] std::unordered_map<std::uint64_t, ReplyHandler> take_unanswered() {
    return std::exchange(unanswered_, {});
  }

 private:
  static constexpr int kMaxBatch = 1024;  // a service takes no more in one message

  std::uint64_t next_id_ = 0;
  std::unordered_map<std::uint64_t, ReplyHandler> unanswered_;
  std::deque<RequestBatch> waiting_;
  bool started_ = false;
  bool writing_ = false;
  bool delivering_ = false;  // replies to their handlers
  bool closing_ = false;
  bool closed_ = false;  // the client's side
  bool ended_ = false;
};

}  // namespace compiler_gym::internal

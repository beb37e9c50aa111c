#include "async_server/internal/stream_call.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace compiler_gym::internal {
namespace {

// Without a copy.
grpc::ByteBuffer to_buffer(std::string bytes) {
  auto owned = std::make_unique<std::string>(std::move(bytes));
  std::string& content = *owned;
  const grpc::Slice slice(
      content.data(), content.size(),
      [](void* string) { delete static_cast<std::string*>(string); }, owned.release());
  return {&slice, 1};
}

}  // namespace

StreamCall::StreamCall(Gate::Pass pass, ReplyBudget& replies, const StreamOptions& options,
                       const Executor& executor)
    : pass_(std::move(pass)), options_(options), executor_(executor), replies_(replies) {
  rpc_context_.AsyncNotifyWhenDone(over_event_.armed());
}

bool StreamCall::begin_batch() {
  const std::lock_guard lock(mutex_);
  in_batch_ = !finishing_;
  return in_batch_;
}

void StreamCall::hold_replies() {
  const std::lock_guard lock(mutex_);
  hold_replies_ = true;
}

void StreamCall::batch_done() {
  change([this] {
    in_batch_ = false;
    hold_replies_ = false;
  });
}

bool StreamCall::has_room(std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  return has_room_locked(bytes);
}

bool StreamCall::has_room_locked(std::size_t bytes) const {
  return open_ == 0 || (open_ < options_.max_requests_in_flight &&
                        open_bytes_ + bytes <= options_.max_bytes_in_flight);
}

void StreamCall::wait_for_room(std::size_t bytes, Handler handler) {
  change([&] {
    wanted_bytes_ = bytes;
    room_waiter_ = std::move(handler);
  });
}

bool StreamCall::open(std::uint64_t id, std::size_t bytes, std::stop_source stop) {
  bool broken = false;
  bool by_id = false;
  {
    const std::lock_guard lock(mutex_);
    ++open_;
    open_bytes_ += bytes;
    by_id = unanswered_.try_emplace(id, Unanswered{opened_++, stop}).second;
    broken = broken_;
  }
  if (broken) {
    stop.request_stop();
  }
  return by_id;
}

void StreamCall::answer(std::uint64_t id, bool by_id, std::size_t bytes, std::string reply,
                        RequestBudget::Share share) {
  change([&] {
    if (by_id) {
      unanswered_.erase(id);
    }
    open_bytes_ += reply.size();
    open_bytes_ -= bytes;
    outbox_.add(std::move(reply), std::move(share));
  });
}

void StreamCall::end_when_answered(const grpc::Status& status) {
  change([&] {
    if (!end_status_) {
      end_status_ = status;
    }
  });
}

bool StreamCall::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

void StreamCall::wait_for_end(Handler handler) {
  change([&] { end_waiter_ = std::move(handler); });
}

void StreamCall::on_written(bool ok) {
  unread_.remove();
  change([this, ok] {
    outbox_.written();
    forget_locked(std::exchange(writing_, {}));
    broken_ = broken_ || !ok;
  });
}

void StreamCall::on_finished(bool /*ok*/) {
  change([this] { --events_to_come_; });
}

void StreamCall::on_over(bool /*ok*/) {
  if (rpc_context_.IsCancelled()) {
    stop_all();
  }
  change([this] { --events_to_come_; });
}

// The last one first: a request that waits in its session is stopped before the one that runs there,
// and so does not take its turn.
void StreamCall::stop_all() {
  std::vector<Unanswered> stopped;
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    for (const auto& [id, unanswered] : unanswered_) {
      stopped.push_back(unanswered);
    }
  }
  std::ranges::sort(stopped, std::greater(), &Unanswered::turn);
  for (Unanswered& request : stopped) {
    request.stop.request_stop();
  }
}

void StreamCall::forget_locked(const ReplyOutbox::Message& message) {
  open_ -= message.replies;
  open_bytes_ -= message.size;
}

// Everything that happens to a stream is a change of its state, and what follows from that.
template <typename Change>
void StreamCall::change(Change apply) {
  std::deque<ReplyOutbox::Message> dropped;
  std::vector<RequestBudget::Share> answered;  // given back outside of the lock
  grpc::ByteBuffer buffer;
  bool write = false;
  bool finish = false;
  Handler resume;
  Handler ended;
  {
    const std::lock_guard lock(mutex_);
    apply();
    if (broken_) {
      dropped = outbox_.clear();
      for (const ReplyOutbox::Message& message : dropped) {
        forget_locked(message);
      }
    } else if (outbox_.ready() && !holds_replies_locked()) {
      write = true;
      writing_ = outbox_.take();
      answered = std::move(writing_.shares);
      buffer = to_buffer(std::move(writing_.bytes));
    }
    // What is being written is open, so nothing is.
    if (end_status_ && open_ == 0 && !in_batch_ && !finishing_) {
      finishing_ = true;
      finish = true;
    }
    if (room_waiter_ && (broken_ || has_room_locked(wanted_bytes_))) {
      resume.swap(room_waiter_);
    }
    if (events_to_come_ == 0) {
      ended.swap(end_waiter_);
    }
  }
  if (write) {
    answered.clear();
    replies_.add(unread_, buffer.Length());
    stream_.Write(buffer, written_event_.armed());
  }
  if (finish) {
    stream_.Finish(*end_status_, finished_event_.armed());
  }
  if (resume) {
    resume();
  }
  if (ended) {
    ended();  // from here on `this` may be gone
  }
}

}  // namespace compiler_gym::internal

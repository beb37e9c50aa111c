#include "async_server/internal/stream_call.h"

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

StreamCall::StreamCall(Gate::Pass pass, ReplyBudget& replies, const StreamOptions& options)
    : pass_(std::move(pass)), unread_(replies, rpc_context_), state_(options) {
  rpc_context_.AsyncNotifyWhenDone(over_event_.armed());
}

bool StreamCall::begin_batch() {
  const std::lock_guard lock(mutex_);
  return state_.begin_batch();
}

void StreamCall::hold_replies() {
  const std::lock_guard lock(mutex_);
  state_.hold_replies();
}

void StreamCall::batch_done() {
  change([this] { state_.batch_done(); });
}

bool StreamCall::has_room(std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  return state_.has_room(bytes);
}

void StreamCall::wait_for_room(std::size_t bytes, Handler handler) {
  change([&] {
    state_.wait_for_room(bytes);
    waiter_ = std::move(handler);
  });
}

bool StreamCall::open(std::uint64_t id, std::size_t bytes, std::stop_source stop) {
  bool broken = false;
  bool by_id = false;
  {
    const std::lock_guard lock(mutex_);
    by_id = state_.open(id, bytes, stop);
    broken = state_.broken();
  }
  if (broken) {
    stop.request_stop();
  }
  return by_id;
}

void StreamCall::answer(std::uint64_t id, bool by_id, std::size_t bytes, std::string reply,
                        RequestBudget::Share share) {
  change([&] { state_.answer(id, by_id, bytes, std::move(reply), std::move(share)); });
}

void StreamCall::end_when_answered(const grpc::Status& status) {
  change([&] { state_.end_when_answered(status); });
}

bool StreamCall::broken() const {
  const std::lock_guard lock(mutex_);
  return state_.broken();
}

void StreamCall::wait_for_end(Handler handler) {
  change([&] { waiter_ = std::move(handler); });
}

void StreamCall::on_written(bool ok) {
  unread_.remove();
  change([this, ok] { state_.written(ok); });
}

void StreamCall::on_finished(bool /*ok*/) {
  change([this] { state_.event_came(); });
}

void StreamCall::on_over(bool /*ok*/) {
  if (rpc_context_.IsCancelled()) {
    stop_all();
  }
  change([this] { state_.event_came(); });
}

void StreamCall::stop_all() {
  std::vector<std::stop_source> stops;
  {
    const std::lock_guard lock(mutex_);
    stops = state_.client_gone();
  }
  for (std::stop_source& stop : stops) {
    stop.request_stop();
  }
}

// Everything that happens to a stream is a change of its state, and what follows from that.
template <typename Change>
void StreamCall::change(Change apply) {
  StreamState::Next next;
  Handler resumed;
  {
    const std::lock_guard lock(mutex_);
    apply();
    next = state_.next();
    if (next.resume) {
      resumed.swap(waiter_);
    }
  }
  if (next.write) {
    next.write->shares.clear();
    const grpc::ByteBuffer buffer = to_buffer(std::move(next.write->bytes));
    unread_.add(buffer.Length());
    stream_.Write(buffer, written_event_.armed());
  }
  if (next.finish != nullptr) {
    stream_.Finish(*next.finish, finished_event_.armed());
  }
  if (resumed) {
    resumed();  // from here on `this` may be gone
  }
}

}  // namespace compiler_gym::internal

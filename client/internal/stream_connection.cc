#include "client/internal/stream_connection.h"

#include <unordered_map>
#include <utility>
#include <vector>

namespace compiler_gym::internal {
namespace {

grpc::Status why_ended(const grpc::Status& status) {
  return status.ok() ? unavailable("The stream has ended") : status;
}

}  // namespace

StreamConnection::StreamConnection(CompletionQueuePump& pump,
                                   std::shared_ptr<grpc::Channel> channel,
                                   const std::string& authorization) {
  if (!authorization.empty()) {
    rpc_context_.AddMetadata("authorization", authorization);
  }
  stream_ = CompilerGymStream::NewStub(std::move(channel))
                ->PrepareAsyncExchange(&rpc_context_, &pump.queue());
}

void StreamConnection::start() {
  self_ = shared_from_this();
  stream_->StartCall(started_event_.armed());
}

void StreamConnection::send(StreamRequest request, ReplyHandler handler) {
  grpc::Status ended;
  {
    const std::lock_guard lock(mutex_);
    if (requests_.taken()) {
      requests_.add(std::move(request), std::move(handler));
    } else {
      ended = why_ended(status_);
    }
  }
  if (!ended.ok()) {
    handler(ended);  // NOLINT(bugprone-use-after-move): moved only if nothing has ended
    return;
  }
  flush();
}

void StreamConnection::close(StatusHandler handler) {
  {
    const std::lock_guard lock(mutex_);
    requests_.close();
    if (!requests_.ended()) {
      close_handler_ = std::move(handler);
    }
  }
  if (handler) {  // NOLINT(bugprone-use-after-move): that is what is asked
    handler(status_);
    return;
  }
  flush();
}

void StreamConnection::flush() {
  StreamRequests::Next next;
  {
    const std::lock_guard lock(mutex_);
    next = requests_.next();
  }
  switch (next.action) {
    case StreamRequests::Action::kNothing:
      break;
    case StreamRequests::Action::kWrite:
      stream_->Write(next.batch, written_event_.armed());
      break;
    case StreamRequests::Action::kCloseWrites:
      stream_->WritesDone(written_event_.armed());
      break;
  }
}

void StreamConnection::on_started(bool ok) {
  if (!ok) {
    stream_->Finish(&status_, finished_event_.armed());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.started();
  }
  stream_->Read(&read_, read_event_.armed());
  flush();
}

void StreamConnection::on_read(bool ok) {
  if (!ok) {
    stream_->Finish(&status_, finished_event_.armed());
    return;
  }
  ReplyBatch batch;
  batch.Swap(&read_);
  stream_->Read(&read_, read_event_.armed());
  std::vector<ReplyHandler> handlers;
  {
    const std::lock_guard lock(mutex_);
    handlers = requests_.deliver(batch);
  }
  for (int i = 0; i < batch.reply_size(); ++i) {
    if (ReplyHandler& handler = handlers[static_cast<std::size_t>(i)]; handler) {
      handler(std::move(*batch.mutable_reply(i)));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.delivered();
  }
  flush();
}

void StreamConnection::on_written(bool /*ok*/) {
  {
    const std::lock_guard lock(mutex_);
    requests_.written();
  }
  flush();
  end_if_over();
}

void StreamConnection::on_finished(bool /*ok*/) {
  {
    const std::lock_guard lock(mutex_);
    requests_.end();
  }
  end_if_over();
}

// Both have come: the status, and the event of a write that was under way then.
void StreamConnection::end_if_over() {
  std::shared_ptr<StreamConnection> self;
  std::unordered_map<std::uint64_t, ReplyHandler> unanswered;
  std::optional<StatusHandler> close_handler;
  {
    const std::lock_guard lock(mutex_);
    if (!requests_.ended() || requests_.writing()) {
      return;
    }
    self.swap(self_);
    unanswered = requests_.take_unanswered();
    close_handler.swap(close_handler_);
  }
  for (auto& [id, handler] : unanswered) {
    handler(why_ended(status_));
  }
  if (close_handler) {
    (*close_handler)(status_);
  }
}

}  // namespace compiler_gym::internal

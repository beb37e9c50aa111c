#include "client/internal/stream_connection.h"

#include <utility>

namespace compiler_gym::internal {
namespace {

// A service takes no more in one message.
constexpr int kMaxBatch = 1024;

grpc::Status why_ended(const grpc::Status& status) {
  return status.ok() ? unavailable("The stream has ended") : status;
}

}  // namespace

StreamConnection::StreamConnection(CompletionQueuePump& pump,
                                   std::shared_ptr<grpc::Channel> channel,
                                   const std::string& authorization)
    : stub_(CompilerGymStream::NewStub(std::move(channel))) {
  if (!authorization.empty()) {
    rpc_context_.AddMetadata("authorization", authorization);
  }
  stream_ = stub_->PrepareAsyncExchange(&rpc_context_, &pump.queue());
}

void StreamConnection::start() {
  self_ = shared_from_this();
  stream_->StartCall(started_event_.armed());
}

void StreamConnection::send(StreamRequest request, ReplyHandler handler) {
  grpc::Status ended;
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || closing_) {
      ended = why_ended(status_);
    } else {
      request.set_id(next_id_++);
      unanswered_.emplace(request.id(), std::move(handler));
      if (waiting_.empty() || waiting_.back().request_size() >= kMaxBatch) {
        waiting_.emplace_back();
      }
      *waiting_.back().add_request() = std::move(request);
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
    closing_ = true;
    if (!finished_) {
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
  RequestBatch batch;
  bool close = false;
  {
    const std::lock_guard lock(mutex_);
    if (!started_ || writing_ || delivering_ || closed_ || finished_) {
      return;
    }
    if (!waiting_.empty()) {
      batch = std::move(waiting_.front());
      waiting_.pop_front();
    } else if (closing_) {
      close = true;
      closed_ = true;
    } else {
      return;
    }
    writing_ = true;
  }
  if (close) {
    stream_->WritesDone(written_event_.armed());
  } else {
    stream_->Write(batch, written_event_.armed());
  }
}

void StreamConnection::on_started(bool ok) {
  if (!ok) {
    stream_->Finish(&status_, finished_event_.armed());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
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
  std::vector<ReplyHandler> handlers(static_cast<std::size_t>(batch.reply_size()));
  {
    const std::lock_guard lock(mutex_);
    delivering_ = true;
    for (int i = 0; i < batch.reply_size(); ++i) {
      if (auto node = unanswered_.extract(batch.reply(i).id())) {
        handlers[static_cast<std::size_t>(i)] = std::move(node.mapped());
      }
    }
  }
  for (int i = 0; i < batch.reply_size(); ++i) {
    if (ReplyHandler& handler = handlers[static_cast<std::size_t>(i)]; handler) {
      handler(std::move(*batch.mutable_reply(i)));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    delivering_ = false;
  }
  flush();
}

void StreamConnection::on_written(bool /*ok*/) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
  }
  flush();
  end_if_over();
}

void StreamConnection::on_finished(bool /*ok*/) {
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
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
    if (!finished_ || writing_) {
      return;
    }
    self.swap(self_);
    unanswered.swap(unanswered_);
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

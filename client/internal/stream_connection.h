// One stream of a gRPC client, from its start to its status.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "client/internal/stream_requests.h"
#include "core/completion_queue_pump.h"
#include "core/completion_tag.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "proto/compiler_gym_stream.grpc.pb.h"

namespace compiler_gym::internal {

/// One message is read and one written at a time; requests that come meanwhile go together in the
/// next, and so do those that are made by the handlers of one message's replies.
/// Threads:  every member may be called from any thread.
/// Lifetime: shared by the client and, from start() to its last event, by itself.
class StreamConnection : public std::enable_shared_from_this<StreamConnection> {
 public:
  using ReplyHandler = StreamRequests::ReplyHandler;
  using StatusHandler = UniqueHandler<void(grpc::Status)>;

  StreamConnection(CompletionQueuePump& pump, std::shared_ptr<grpc::Channel> channel,
                   const std::string& authorization);
  StreamConnection(const StreamConnection&) = delete;
  StreamConnection& operator=(const StreamConnection&) = delete;

  /// Once, first.
  void start();

  /// Sends the request, whose id is set here.
  void send(StreamRequest request, ReplyHandler handler);

  /// Closes the client's side when all is sent; the handler hears how the stream ended.
  void close(StatusHandler handler);
  void cancel() { rpc_context_.TryCancel(); }

 private:
  class Event final : public CompletionTag {
   public:
    using Handler = void (StreamConnection::*)(bool ok);
    Event(StreamConnection& connection, Handler handler)
        : connection_(connection), handler_(handler) {}
    void on_event(bool ok) override { (connection_.*handler_)(ok); }

   private:
    StreamConnection& connection_;
    const Handler handler_;
  };

  void on_started(bool ok);
  void on_read(bool ok);
  void on_written(bool ok);
  void on_finished(bool ok);
  void flush();
  void end_if_over();

  grpc::ClientContext rpc_context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<RequestBatch, ReplyBatch>> stream_;
  Event started_event_{*this, &StreamConnection::on_started};
  Event read_event_{*this, &StreamConnection::on_read};
  Event written_event_{*this, &StreamConnection::on_written};
  Event finished_event_{*this, &StreamConnection::on_finished};
  ReplyBatch read_;
  grpc::Status status_;

  std::mutex mutex_;  // guards what follows; not held while gRPC or a handler is called
  std::shared_ptr<StreamConnection> self_;  // from start() to the last event
  StreamRequests requests_;
  std::optional<StatusHandler> close_handler_;
};

}  // namespace compiler_gym::internal

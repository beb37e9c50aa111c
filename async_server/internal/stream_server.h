// Serves the streams of CompilerGymStream.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>

#include "async_server/internal/access.h"
#include "async_server/internal/admission.h"
#include "async_server/internal/client_turns.h"
#include "async_server/internal/rpc_handlers.h"
#include "async_server/internal/stream_call.h"
#include "async_server/service_runtime.h"
#include "async_server/stream_options.h"
#include "core/completion_queue_pump.h"
#include "core/support/logger.h"

namespace compiler_gym::internal {

/// What a unary call is let in by, each request of a stream is as well; access is asked of the stream.
/// A drain refuses new requests, and ends a stream when its open ones are answered.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive its streams.
class StreamServer {
 public:
  StreamServer(ServiceRuntime& runtime, ClientTurns& start_workers, const Access& access,
               Logger& logger, const StreamOptions& options)
      : admission_(runtime.admission()),
        start_workers_(start_workers),
        access_(access),
        logger_(logger),
        options_(options),
        handlers_(runtime.sessions(), start_workers, logger) {}

  /// Serves one stream that was accepted, on the pump's executor, until gRPC is done with it.
  [[nodiscard]] boost::asio::awaitable<void> serve(std::shared_ptr<StreamCall> stream,
                                                   CompletionQueuePump& pump);

 private:
  class OpenStream;

  [[nodiscard]] grpc::Status admit(const StreamCall& stream, std::size_t number) const;
  [[nodiscard]] boost::asio::awaitable<grpc::Status> read_requests(
      std::shared_ptr<StreamCall> stream, CompletionQueuePump& pump);
  [[nodiscard]] boost::asio::awaitable<Result<BatchReader>> open_batch(grpc::ByteBuffer& message,
                                                                       ClientId client);
  void handle(const std::shared_ptr<StreamCall>& stream, const PackedRequest& packed,
              const BatchReader& batch);
  [[nodiscard]] grpc::Status admit(StreamedRequest& request, const PackedRequest& packed,
                                   const BatchReader& batch);

  Admission& admission_;
  ClientTurns& start_workers_;
  const Access& access_;
  Logger& logger_;
  const StreamOptions options_;
  RpcHandlers<StreamedRequest> handlers_;
  std::atomic<std::size_t> streams_{0};
};

}  // namespace compiler_gym::internal

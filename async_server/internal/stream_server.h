// Serves the streams of CompilerGymStream.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <stop_token>

#include "async_server/internal/access.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/rpc_handlers.h"
#include "async_server/internal/stream_call.h"
#include "async_server/stream_options.h"
#include "core/completion_queue_pump.h"
#include "core/support/logger.h"
#include "core/worker_pool.h"

namespace compiler_gym::internal {

/// What a unary call is let in by, each request of a stream is as well; access is asked of the stream.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive its streams.
class StreamServer {
 public:
  StreamServer(RpcHandlers<StreamedRequest>& handlers, const Access& access, RequestBudget& budget,
               WorkerPool& start_workers, Logger& logger, const StreamOptions& options)
      : handlers_(handlers),
        access_(access),
        budget_(budget),
        start_workers_(start_workers),
        logger_(logger),
        options_(options) {}

  /// Serves one stream that was accepted, on the pump's executor, until gRPC is done with it.
  [[nodiscard]] boost::asio::awaitable<void> serve(std::shared_ptr<StreamCall> stream,
                                                   CompletionQueuePump& pump);

  /// Refuses new requests from here on (UNAVAILABLE); a stream ends when its open ones are answered.
  void drain() { drain_.request_stop(); }

 private:
  class Place;

  [[nodiscard]] grpc::Status admit(const StreamCall& stream, const Place& place) const;
  [[nodiscard]] boost::asio::awaitable<grpc::Status> read_requests(
      std::shared_ptr<StreamCall> stream, CompletionQueuePump& pump);
  [[nodiscard]] boost::asio::awaitable<Result<BatchReader>> open_batch(grpc::ByteBuffer& message);
  void handle(const std::shared_ptr<StreamCall>& stream, const PackedRequest& packed,
              const BatchReader& batch);
  [[nodiscard]] grpc::Status admit(StreamedRequest& request, const PackedRequest& packed,
                                   const BatchReader& batch);

  RpcHandlers<StreamedRequest>& handlers_;
  const Access& access_;
  RequestBudget& budget_;
  WorkerPool& start_workers_;
  Logger& logger_;
  const StreamOptions options_;
  std::atomic<std::size_t> streams_{0};
  std::stop_source drain_;
};

}  // namespace compiler_gym::internal

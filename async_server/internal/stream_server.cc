#include "async_server/internal/stream_server.h"

#include <fmt/core.h>

#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <stop_token>
#include <utility>

#include "core/run_on.h"
#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym::internal {
namespace {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

// Larger messages are put together by a worker.
constexpr std::size_t kLargeMessageBytes = std::size_t{256} << 10;

Result<BatchReader> read_batch(const grpc::ByteBuffer& message) {
  grpc::Slice bytes;
  if (!message.TrySingleSlice(&bytes).ok()) {
    if (const grpc::Status joined = message.DumpToSingleSlice(&bytes); !joined.ok()) {
      return joined;
    }
  }
  return BatchReader::open(std::move(bytes));
}

}  // namespace

// Counts as one of the streams that may be open at a time.
class StreamServer::OpenStream {
 public:
  explicit OpenStream(std::atomic<std::size_t>& streams) : streams_(streams), number_(++streams) {}
  OpenStream(const OpenStream&) = delete;
  OpenStream& operator=(const OpenStream&) = delete;
  ~OpenStream() { --streams_; }

  /// How many there are, with this one.
  [[nodiscard]] std::size_t number() const { return number_; }

 private:
  std::atomic<std::size_t>& streams_;
  const std::size_t number_;
};

awaitable<void> StreamServer::serve(std::shared_ptr<StreamCall> stream, CompletionQueuePump& pump) {
  const OpenStream open(streams_);
  if (const grpc::Status admitted = admit(*stream, open.number()); !admitted.ok()) {
    stream->end_when_answered(admitted);
  } else {
    const std::stop_callback on_drain(admission_.refusing(),
                                      [&] { stream->end_when_answered(shutting_down()); });
    const grpc::Status status = co_await read_requests(stream, pump);
    stream->end_when_answered(status);
  }
  co_await stream->async_ended(pump, use_awaitable);
}

grpc::Status StreamServer::admit(const StreamCall& stream, std::size_t number) const {
  if (grpc::Status up = admission_.check(); !up.ok()) {
    return up;
  }
  if (grpc::Status allowed = access_.check(stream.rpc_context()); !allowed.ok()) {
    return allowed;
  }
  if (number > options_.max_streams) {
    return resource_exhausted(fmt::format("{} streams are open already, the limit is {}",
                                          number - 1, options_.max_streams));
  }
  return grpc::Status::OK;
}

// Returns what the stream is to end with. The next message is read when each request of this one has
// been opened, which is what holds up a client that has too many; and after a large one, when the
// service has room for the bytes of another.
awaitable<grpc::Status> StreamServer::read_requests(std::shared_ptr<StreamCall> stream,
                                                    CompletionQueuePump& pump) {
  while (co_await stream->async_read(pump, use_awaitable)) {
    if (!stream->begin_batch()) {
      break;
    }
    const std::size_t bytes = stream->message().Length();
    Result<BatchReader> batch = co_await open_batch(stream->message(), stream->client());
    stream->hold_replies();
    while (batch && !batch->done() && !stream->broken()) {
      const PackedRequest packed = batch->next();
      if (!stream->has_room(packed.size)) {
        co_await stream->async_room(packed.size, pump, use_awaitable);
      }
      if (packed.size <= kMaxParsedOnArrival) {
        handle(stream, packed, *batch);
      } else {  // what follows waits until this one is parsed, as it has its place in the order
        auto handle_there = [&] { handle(stream, packed, *batch); };
        co_await run_on(start_workers_.executor(stream->client()), std::move(handle_there));
      }
    }
    stream->batch_done();
    if (!batch) {
      co_return batch.error();
    }
    if (bytes > kMaxParsedOnArrival) {
      batch = BatchReader();
      co_await admission_.async_room(bytes, pump.executor(), use_awaitable);
    }
  }
  co_return grpc::Status::OK;
}

awaitable<Result<BatchReader>> StreamServer::open_batch(grpc::ByteBuffer& message,
                                                        ClientId client) {
  grpc::ByteBuffer bytes;
  bytes.Swap(&message);
  if (bytes.Length() <= kLargeMessageBytes) {
    co_return read_batch(bytes);
  }
  std::optional<Result<BatchReader>> batch;  // run_on() wants a default constructible result
  auto read = [&] { batch = read_batch(bytes); };
  co_await run_on(start_workers_.executor(client), std::move(read));
  co_return *std::move(batch);
}

void StreamServer::handle(const std::shared_ptr<StreamCall>& stream, const PackedRequest& packed,
                          const BatchReader& batch) {
  const Method<StreamedRequest>* const method = stream_method(packed.field);
  StreamedRequest::Ptr request = StreamedRequest::open(stream, packed, batch.batch(),
                                                       method != nullptr && method->cancellable);
  if (const grpc::Status admitted = admit(*request, packed, batch); !admitted.ok()) {
    StreamedRequest::finish(std::move(request), admitted);
    return;
  }
  try {
    (handlers_.*method->handle)(std::move(request));
  } catch (...) {
    logger_.error("request handler: {}", to_string(status_from_current_exception()));
  }
}

grpc::Status StreamServer::admit(StreamedRequest& request, const PackedRequest& packed,
                                 const BatchReader& batch) {
  if (grpc::Status up = admission_.check(); !up.ok()) {
    return up;
  }
  if (batch.count() > options_.max_batch) {
    return invalid_argument(fmt::format("The batch has {} requests, the limit is {}", batch.count(),
                                        options_.max_batch));
  }
  if (request.is_duplicate()) {
    return {grpc::StatusCode::ALREADY_EXISTS,
            fmt::format("The request of id {} is not answered yet", packed.id)};
  }
  const Method<StreamedRequest>* const method = stream_method(packed.field);
  if (method == nullptr) {
    return invalid_argument(fmt::format("The request of id {} has no request set", packed.id));
  }
  Result<RequestBudget::Share> share = admission_.admit(method->admission_class, packed.size);
  if (!share) {
    return share.error();
  }
  request.keep(*std::move(share));
  return grpc::Status::OK;
}

}  // namespace compiler_gym::internal

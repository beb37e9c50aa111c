// A raw client of CompilerGymStream, which writes and reads what a test tells it to.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/compiler_gym_stream.grpc.pb.h"
#include "tests/async_server/server_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {

/// Blocks in its calls, for no longer than the watchdog: the stream has a deadline.
class RawStream {
 public:
  explicit RawStream(std::shared_ptr<grpc::Channel> channel, const std::string& authorization = "")
      : stub_(CompilerGymStream::NewStub(std::move(channel))) {
    rpc_context_.set_deadline(std::chrono::system_clock::now() + kWatchdog);
    if (!authorization.empty()) {
      rpc_context_.AddMetadata("authorization", authorization);
    }
    stream_ = stub_->Exchange(&rpc_context_);
  }

  bool send(const std::vector<StreamRequest>& requests) {
    RequestBatch batch;
    batch.mutable_request()->Add(requests.begin(), requests.end());
    return stream_->Write(batch);
  }
  void close() { stream_->WritesDone(); }
  void cancel() { rpc_context_.TryCancel(); }

  /// The next reply. Throws if the stream has ended instead.
  StreamReply next() {
    while (read_.empty()) {
      ReplyBatch batch;
      if (!stream_->Read(&batch)) {
        throw std::runtime_error("no reply: " + to_string(stream_->Finish()));
      }
      ++messages_;
      read_.insert(read_.end(), batch.reply().begin(), batch.reply().end());
    }
    StreamReply reply = std::move(read_.front());
    read_.pop_front();
    return reply;
  }

  /// The next so many replies, by id.
  std::map<std::uint64_t, StreamReply> next(std::size_t count) {
    std::map<std::uint64_t, StreamReply> replies;
    for (std::size_t i = 0; i < count; ++i) {
      StreamReply reply = next();
      const std::uint64_t id = reply.id();
      EXPECT_TRUE(replies.emplace(id, std::move(reply)).second) << "two replies of id " << id;
    }
    return replies;
  }

  /// Reads replies until the stream ends; how it did.
  grpc::Status end() {
    ReplyBatch batch;
    while (stream_->Read(&batch)) {
      read_.insert(read_.end(), batch.reply().begin(), batch.reply().end());
    }
    return stream_->Finish();
  }
  [[nodiscard]] std::size_t unread() const { return read_.size(); }
  [[nodiscard]] int messages() const { return messages_; }

 private:
  const std::unique_ptr<CompilerGymStream::Stub> stub_;
  grpc::ClientContext rpc_context_;
  std::unique_ptr<grpc::ClientReaderWriter<RequestBatch, ReplyBatch>> stream_;
  std::deque<StreamReply> read_;
  int messages_ = 0;
};

/// `NOT_FOUND: Session not found: 3`, or `OK`.
inline std::string outcome_of(const StreamReply& reply) {
  return reply.has_error()
             ? to_string(grpc::Status(static_cast<grpc::StatusCode>(reply.error().code()),
                                      reply.error().message()))
             : "OK";
}

class StreamFixture : public ServerFixture {
 protected:
  static constexpr std::int64_t kHold = 1000;

  StreamFixture() {
    // The action kHold waits until the test opens `release_`, or its request is stopped.
    script.on_action = [this](std::int64_t action, auto&, const std::stop_token& stop) {
      if (action == kHold) {
        ++held_;
        poll_until([&] { return release_.is_open() || stop.stop_requested(); });
        stopped_ += stop.stop_requested() ? 1 : 0;
      }
      ++actions_;
      return grpc::Status::OK;
    };
  }

  std::unique_ptr<RawStream> open_stream(const std::string& authorization = "") {
    return std::make_unique<RawStream>(make_channel(server->addresses().front()), authorization);
  }

  static StreamRequest streamed_step(std::uint64_t id, Session::Id session,
                                     std::vector<std::int64_t> actions,
                                     std::vector<int> observations = {}) {
    StreamRequest request;
    request.set_id(id);
    *request.mutable_step() = step_request(session, std::move(actions), std::move(observations));
    return request;
  }
  static StreamRequest streamed_end(std::uint64_t id, Session::Id session) {
    StreamRequest request;
    request.set_id(id);
    request.mutable_end_session()->set_session_id(session);
    return request;
  }
  static StreamRequest streamed_version(std::uint64_t id) {
    StreamRequest request;
    request.set_id(id);
    request.mutable_get_version();
    return request;
  }

  static std::vector<std::int64_t> history(const StreamReply& reply) {
    const auto& values = reply.step().observation(0).int64_tensor().value();
    return {values.begin(), values.end()};
  }

  void wait_until_held(int count = 1) {
    poll_until([&] { return held_ >= count; });
  }

  /// Other requests have gone all the way through the server since: what was to happen by itself had
  /// its chance.
  void let_the_server_go_on() {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(get_within_watchdog(client->get_version({}, boost::asio::use_future)));
    }
  }

  Latch release_;
  std::atomic<int> held_{0};
  std::atomic<int> stopped_{0};
  std::atomic<int> actions_{0};
};

}  // namespace compiler_gym::testing

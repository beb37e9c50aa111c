#include "core/completion_queue_pump.h"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

#include "core/completion_tag.h"

namespace compiler_gym {

CompletionQueuePump::CompletionQueuePump(boost::asio::io_context& io_context,
                                         std::unique_ptr<grpc::CompletionQueue> queue,
                                         CompletionQueuePumpOptions options)
    : io_context_(io_context), queue_(std::move(queue)), options_(options) {}

CompletionQueuePump::~CompletionQueuePump() {
  assert(!running_ && "a pump is destroyed only after async_run() completed, or if it never ran");
  // gRPC aborts on a queue that is destroyed with events in it.
  shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (!drained_ && queue_->Next(&tag, &ok)) {
    CompletionTag::from_queue(tag).on_event(ok);
  }
}

void CompletionQueuePump::shutdown() {
  if (!shut_down_.exchange(true)) {
    queue_->Shutdown();
  }
}

void CompletionQueuePump::start(UniqueHandler<void()> on_drained) {
  assert(!running_ && !drained_ && "async_run() is called once");
  running_ = true;
  on_drained_ = std::move(on_drained);
  boost::asio::post(io_context_, [this] { turn(); });
}

void CompletionQueuePump::schedule_turn() {
  boost::asio::defer(io_context_, [this] { turn(); });
}

void CompletionQueuePump::turn() {
  // Schedules the next turn also when a tag throws.
  struct NextTurn {
    CompletionQueuePump* pump;
    ~NextTurn() {
      if (pump != nullptr) {
        pump->schedule_turn();
      }
    }
  } next_turn{this};

  // The epoch is long past; gRPC takes a time before it, time_point::min() say, for the end of
  // time, and time_point::max() too.
  using std::chrono::system_clock;
  constexpr system_clock::time_point kPoll{};
  system_clock::time_point wait_until = options_.max_wait.has_value()
                                            ? system_clock::now() + *options_.max_wait
                                            : system_clock::time_point::max();
  for (int events = 0; events < options_.max_events_per_turn; ++events) {
    void* tag = nullptr;
    bool ok = false;
    switch (queue_->AsyncNext(&tag, &ok, wait_until)) {
      case grpc::CompletionQueue::GOT_EVENT:
        CompletionTag::from_queue(tag).on_event(ok);
        wait_until = kPoll;
        break;
      case grpc::CompletionQueue::TIMEOUT:
        return;
      case grpc::CompletionQueue::SHUTDOWN:
        next_turn.pump = nullptr;
        running_ = false;
        drained_ = true;
        // Last: the handler may destroy this pump.
        std::exchange(on_drained_, {})();
        return;
    }
  }
}

}  // namespace compiler_gym

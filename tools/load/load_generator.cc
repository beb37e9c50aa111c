#include "tools/load/load_generator.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/run_together.h"
#include "tools/load/call_status.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

LoadGenerator::LoadGenerator(CompletionQueuePump& pump, LoadOptions options)
    : options_(std::move(options)),
      target_(pump, options_),
      measurement_(options_),
      calls_(target_, options_, measurement_),
      slots_(static_cast<std::size_t>(options_.mix.uses_sessions() ? options_.sessions : 0)),
      random_(options_.seed),
      arrivals_(options_.rate.value_or(1.0), options_.seed + 1) {}

asio::awaitable<Result<LoadResult>> LoadGenerator::async_run() {
  grpc::Status status = co_await prepare();
  if (status.ok()) {
    status = co_await open_all_sessions();
  }
  if (status.ok()) {
    co_await run_load();
  }
  co_await end_all_sessions();
  co_await target_.close_streams();
  if (!status.ok()) {
    co_return status;
  }
  co_return std::move(measurement_.result());
}

// ------------------------------------------------------------------------------ before and after

asio::awaitable<grpc::Status> LoadGenerator::prepare() {
  if (grpc::Status status = co_await target_.connect(); !status.ok()) {
    co_return status;
  }
  measurement_.result().service_version = target_.version().service_version();
  measurement_.result().compiler_version = target_.version().compiler_version();
  if (slots_.empty()) {
    co_return grpc::Status::OK;
  }
  if (grpc::Status status = co_await target_.prepare_sessions(calls_.validates()); !status.ok()) {
    co_return status;
  }
  const std::vector<std::string>& uris = target_.benchmark_uris();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::size_t connection = i % target_.connections();
    const std::string& uri = uris[i % uris.size()];
    slots_[i] = {.client = &target_.client(connection),
                 .stream = target_.stream(connection),
                 .benchmark_uri = uri,
                 .kept = target_.kept_benchmark(uri),
                 .random = SplitMix(options_.seed, i)};
  }
  co_return grpc::Status::OK;
}

asio::awaitable<grpc::Status> LoadGenerator::open_all_sessions() {
  std::size_t next = 0;
  grpc::Status failure;
  const auto open_some = [&](int) -> asio::awaitable<void> {
    while (next < slots_.size() && failure.ok()) {
      const grpc::Status status = co_await calls_.start(slots_[next++], CallStart());
      if (!status.ok()) {
        failure = status;
      }
    }
  };
  co_await run_together(std::min(options_.effective_in_flight(), options_.opened_together),
                        open_some);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    idle_.push_back(i);
  }
  co_return failure;
}

asio::awaitable<void> LoadGenerator::end_all_sessions() {
  std::size_t next = 0;
  const auto end_some = [&](int) -> asio::awaitable<void> {
    while (next < slots_.size()) {
      SessionSlot& slot = slots_[next++];
      if (slot.session) {
        // What comes of it is of no interest any more: the measurement is over.
        co_await calls_.retire(slot, *std::exchange(slot.session, std::nullopt), CallStart());
      }
    }
  };
  co_await run_together(std::min(options_.effective_in_flight(), options_.opened_together),
                        end_some);
}

// ------------------------------------------------------------------------------- while it lasts

asio::awaitable<void> LoadGenerator::run_load() {
  measurement_.start();
  const auto run_one = [&](int i) { return i == 0 ? watch() : work(); };
  co_await run_together(1 + options_.effective_in_flight(), run_one);
  measurement_.finish();
}

/// Keeps the time: when measuring begins, how far it has come, when it is over.
asio::awaitable<void> LoadGenerator::watch() {
  constexpr auto kInterval = 100ms;
  watch_timer_.emplace(co_await asio::this_coro::executor);
  if (options_.warmup > 0ns) {
    watch_timer_->expires_at(measurement_.begins());
    co_await watch_timer_->async_wait(kAsTuple);
  }
  measurement_.begin();
  while (!measurement_.stopped()) {
    watch_timer_->expires_at(std::min(Clock::now() + kInterval, measurement_.ends()));
    co_await watch_timer_->async_wait(kAsTuple);
    if (Clock::now() >= measurement_.ends()) {
      stop();
    }
    if (observer_) {
      observer_(measurement_.progress());
    }
  }
}

/// Lets no more operations begin.
void LoadGenerator::stop() {
  if (!measurement_.stopped()) {
    measurement_.stop();
    watch_timer_->cancel();
  }
}

/// One simulated client.
asio::awaitable<void> LoadGenerator::work() {
  Timer timer(co_await asio::this_coro::executor);
  for (;;) {
    const std::optional<CallStart> due = next_operation();
    if (!due) {
      co_return;
    }
    if (due->since > Clock::now()) {
      timer.expires_at(due->since);
      co_await timer.async_wait(kAsTuple);
    }
    const bool reached = co_await perform(options_.mix.draw(random_), *due);
    if (!reached) {
      // Calls to a server that is gone fail at once: do not turn that into a busy loop.
      timer.expires_after(10ms);
      co_await timer.async_wait(kAsTuple);
    }
  }
}

/// When the next operation is, or was, to take place; none if there is no next one.
std::optional<CallStart> LoadGenerator::next_operation() {
  if (measurement_.enough_operations()) {
    stop();
  }
  if (measurement_.stopped()) {
    return std::nullopt;
  }
  const Clock::time_point since =
      options_.rate ? measurement_.load_began() + arrivals_.next() : Clock::now();
  if (since >= measurement_.ends()) {
    return std::nullopt;
  }
  return measurement_.count_operation(since);
}

/// Whether the service could be reached.
asio::awaitable<bool> LoadGenerator::perform(Operation operation, CallStart due) {
  grpc::Status status;
  if (operation == Operation::kVersion) {
    const std::size_t index = static_cast<std::size_t>(random_() % target_.connections());
    const Result<GetVersionReply> version =
        co_await target_.client(index).get_version({.timeout = options_.timeout});
    status = version ? grpc::Status::OK : version.error();
    measurement_.record(Rpc::kGetVersion, due, status);
  } else {
    // There is an idle slot for every worker, since there are no more workers than slots.
    std::swap(idle_[static_cast<std::size_t>(random_() % idle_.size())], idle_.back());
    const std::size_t index = idle_.back();
    idle_.pop_back();
    status = co_await calls_.perform(slots_[index], operation, due);
    idle_.push_back(index);
  }
  co_return status.error_code() != grpc::StatusCode::UNAVAILABLE;
}

void LoadGenerator::interrupt() {
  measurement_.result().interrupted = true;
  if (watch_timer_) {
    stop();
  }
}

}  // namespace compiler_gym

#include "bench/compare/start_storm.h"

#include <chrono>
#include <utility>

#include "core/run_together.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr CallOptions kPatience{.timeout = 300s, .wait_for_ready = true};

std::string uri_of(int client) {
  return "benchmark://compiler_gym-compare/large-" + std::to_string(client);
}

}  // namespace

StartStorm::StartStorm(CompletionQueuePump& pump, std::shared_ptr<grpc::Channel> channel,
                       int clients)
    : client_(pump, std::move(channel)), clients_(clients) {}

asio::awaitable<grpc::Status> StartStorm::async_prepare(const std::string& program) {
  for (int i = 0; i < clients_; ++i) {
    AddBenchmarkRequest request;
    Benchmark& benchmark = *request.add_benchmark();
    benchmark.set_uri(uri_of(i));
    benchmark.mutable_program()->set_contents(program);
    const auto added = co_await client_.add_benchmark(std::move(request), kPatience);
    if (!added) {
      co_return added.error();
    }
    const grpc::Status started = co_await start_and_end(i);
    if (!started.ok()) {
      co_return started;
    }
  }
  co_return grpc::Status::OK;
}

asio::awaitable<grpc::Status> StartStorm::async_run() {
  const Clock::time_point began = Clock::now();
  starts_ = 0;
  grpc::Status failure;
  const auto run_client = [&](int client) -> asio::awaitable<void> {
    while (!stopped_ && failure.ok()) {
      const grpc::Status status = co_await start_and_end(client);
      if (!status.ok()) {
        failure = status;
      }
    }
  };
  co_await run_together(clients_, run_client);
  elapsed_ = Clock::now() - began;
  co_return failure;
}

asio::awaitable<grpc::Status> StartStorm::start_and_end(int client) {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri(uri_of(client));
  const auto started = co_await client_.start_session(std::move(request), kPatience);
  if (!started) {
    co_return started.error();
  }
  ++starts_;
  EndSessionRequest end;
  end.set_session_id(started->session_id());
  const auto ended = co_await client_.end_session(std::move(end), kPatience);
  co_return ended ? grpc::Status::OK : ended.error();
}

double StartStorm::starts_per_second() const {
  const double seconds = std::chrono::duration<double>(elapsed_).count();
  return seconds > 0 ? static_cast<double>(starts_) / seconds : 0;
}

}  // namespace compiler_gym

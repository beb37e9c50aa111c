#include "bench/llvm/session_memory.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/llvm/bench_modules.h"
#include "bench/llvm/bench_sessions.h"
#include "client/client_loop.h"
#include "client/managed_service.h"
#include "client/service_client.h"
#include "core/run_together.h"
#include "sessions/llvm/observations/observation_spaces.h"
#include "tools/support/process_usage.h"
#include "tools/support/require.h"

namespace compiler_gym {
namespace {

template <typename T>
using Awaitable = boost::asio::awaitable<T>;

constexpr int kAtATime = 8;

StepRequest step_request(std::int64_t session_id) {
  StepRequest request;
  request.set_session_id(session_id);
  request.add_action()->set_int64_value(action_index("-mem2reg"));
  for (const LlvmObservation observation :
       {LlvmObservation::kIrSha1, LlvmObservation::kInstCount, LlvmObservation::kAutophase}) {
    request.add_observation_space(static_cast<int>(observation));
  }
  return request;
}

class Measurement {
 public:
  Measurement(ServiceClient client, pid_t service) : client_(std::move(client)), pid_(service) {}

  Awaitable<SessionMemory> run(int sessions) {
    AddBenchmarkRequest add;
    *add.add_benchmark() = *make_benchmark(bench_module(ModuleSize::kMedium));
    require(co_await client_.add_benchmark(std::move(add)));
    const std::int64_t first = co_await start();
    co_await step(first);

    SessionMemory memory{.sessions = sessions};
    const std::int64_t before = resident_bytes();
    ids_.resize(sessions);
    co_await each([this](std::int64_t& id) -> Awaitable<void> { id = co_await start(); });
    memory.started_bytes = resident_bytes() - before;
    co_await each([this](std::int64_t& id) -> Awaitable<void> { co_await step(id); });
    memory.stepped_bytes = resident_bytes() - before;
    ids_.push_back(first);
    co_await each([this](std::int64_t& id) -> Awaitable<void> { co_await end(id); });
    co_return memory;
  }

 private:
  // `work(id)` on all ids, several at a time.
  template <typename Work>
  Awaitable<void> each(Work work) {
    std::size_t next = 0;
    co_await run_together(kAtATime, [&](int) -> Awaitable<void> {
      while (next < ids_.size()) {
        co_await work(ids_[next++]);
      }
    });
  }

  Awaitable<std::int64_t> start() {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri(make_benchmark("")->uri());
    co_return require(co_await client_.start_session(std::move(request))).session_id();
  }

  Awaitable<void> step(std::int64_t id) { require(co_await client_.step(step_request(id))); }

  Awaitable<void> end(std::int64_t id) {
    EndSessionRequest request;
    request.set_session_id(id);
    require(co_await client_.end_session(std::move(request)));
  }

  [[nodiscard]] std::int64_t resident_bytes() const {
    return static_cast<std::int64_t>(require(read_process_usage(pid_)).rss_bytes);
  }

  ServiceClient client_;
  const pid_t pid_;
  std::vector<std::int64_t> ids_;
};

Awaitable<SessionMemory> measure(ClientLoop& loop, boost::filesystem::path binary, int sessions) {
  ManagedServiceOptions options;
  options.binary = std::move(binary);
  options.arguments = {"--executor=inline"};  // the sessions share its memory
  Result<std::unique_ptr<ManagedService>> started =
      co_await ManagedService::async_start(std::move(options));
  const std::unique_ptr<ManagedService> service = require(std::move(started));
  Measurement measurement(ServiceClient(loop.pump(), service->target()), service->pid());
  const SessionMemory memory = co_await measurement.run(sessions);
  co_await service->async_stop();
  co_return memory;
}

}  // namespace

SessionMemory measure_session_memory(const boost::filesystem::path& service, int sessions) {
  ClientLoop loop;
  return loop.run(measure(loop, service, sessions));
}

}  // namespace compiler_gym

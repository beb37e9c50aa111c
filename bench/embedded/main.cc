// Measures what a step costs an application that embeds the service: the example compiler, whose
// actions do nothing, with plug-in code on the caller's thread and on the service's. The ways take
// turns, a few hundred steps each, so that what else the machine does hits all; the medians of the
// rounds are reported.
#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/filesystem/operations.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include "async_server/embedded_service.h"
#include "bench/hosted/pooled_session.h"
#include "core/gate.h"
#include "core/support/logger.h"
#include "tools/support/require.h"
#include "tools/support/run_tool.h"
#include "tools/support/statistics.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr int kRounds = 51;
constexpr int kStepsPerRound = 1000;
constexpr int kSessions = 64;

// A service on an io_context that the calling thread runs.
class Embedded {
 public:
  explicit Embedded(PluginThreads threads) {
    EmbeddedServiceOptions options;
    options.working_directory = boost::filesystem::temp_directory_path();
    options.plugin_threads = threads;
    service_ = std::make_unique<EmbeddedService>(io_context_, make_service_plugin<PooledSession>(),
                                                 options, *logger_);
    run([&]() -> asio::awaitable<void> {
      require(co_await service_->async_start());
      StartSessionRequest request;
      request.mutable_benchmark()->set_uri("benchmark://bench");
      request.mutable_benchmark()->mutable_program()->set_contents("program");
      for (int i = 0; i < kSessions; ++i) {
        const Result<StartSessionReply> reply = co_await service_->async_start_session(request);
        require(reply ? grpc::Status::OK : reply.error());
      }
    });
  }
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;
  ~Embedded() {
    run([&]() -> asio::awaitable<void> {
      co_await service_->async_drain(std::chrono::seconds(5));
    });
  }

  /// The time of a step, of kStepsPerRound spread over so many sessions at a time.
  double microseconds_per_step(int in_flight) {
    const auto started = std::chrono::steady_clock::now();
    run([&]() -> asio::awaitable<void> {
      Gate running;
      std::exception_ptr failure;
      const auto executor = co_await asio::this_coro::executor;
      for (int i = 0; i < in_flight; ++i) {
        asio::co_spawn(executor, steps(i, kStepsPerRound / in_flight),
                       [&failure, pass = running.try_enter()](const std::exception_ptr& error) {
                         failure = error != nullptr ? error : failure;
                       });
      }
      co_await running.async_close(asio::use_awaitable);
      if (failure != nullptr) {
        std::rethrow_exception(failure);
      }
    });
    const Microseconds elapsed = std::chrono::steady_clock::now() - started;
    const int steps_done = kStepsPerRound / in_flight * in_flight;
    return elapsed.count() / steps_done;
  }

 private:
  asio::awaitable<void> steps(std::int64_t session, int count) {
    for (int i = 0; i < count; ++i) {
      StepRequest request;
      request.set_session_id(session);
      request.add_action()->set_int64_value(1);
      request.add_observation_space(1);
      const Result<StepReply> reply = co_await service_->async_step(std::move(request));
      require(reply ? grpc::Status::OK : reply.error());
    }
  }

  // Returns when the coroutine has ended. The io_context itself does not run dry while there are
  // sessions: see EmbeddedService.
  template <typename Make>
  void run(Make make) {
    auto done = asio::co_spawn(io_context_, make(), asio::use_future);
    io_context_.restart();
    while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      io_context_.run_one();
    }
    done.get();
  }

  const std::unique_ptr<Logger> logger_ = make_silent_logger();
  asio::io_context io_context_{1};
  std::unique_ptr<EmbeddedService> service_;
};

int run(int /*argc*/, char** /*argv*/) {
  Embedded on_caller(PluginThreads::kCaller);
  Embedded pooled(PluginThreads::kPool);
  std::vector<double> caller_one;
  std::vector<double> pool_one;
  std::vector<double> caller_many;
  std::vector<double> pool_many;
  for (int round = 0; round < kRounds; ++round) {
    caller_one.push_back(on_caller.microseconds_per_step(1));
    pool_one.push_back(pooled.microseconds_per_step(1));
    caller_many.push_back(on_caller.microseconds_per_step(kSessions));
    pool_many.push_back(pooled.microseconds_per_step(kSessions));
  }
  fmt::print("a step                 1 at a time   {} at a time\n", kSessions);
  fmt::print("on the caller's thread {:8.2f} us {:11.2f} us\n", median(caller_one),
             median(caller_many));
  fmt::print("on a worker            {:8.2f} us {:11.2f} us\n", median(pool_one),
             median(pool_many));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  return compiler_gym::run_tool("compiler_gym-embedded-cost", EXIT_FAILURE, compiler_gym::run, argc,
                                argv);
}

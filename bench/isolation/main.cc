// Measures what it costs to run a session in a sandbox process: the example compiler, whose actions
// do nothing, without gRPC, one request at a time. Both ways of running take turns, a few hundred
// requests each, so that what else the machine does hits both.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/filesystem/operations.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/hosted/pooled_session.h"
#include "bench/isolation/echo_process.h"
#include "core/support/logger.h"
#include "sessions/isolated/isolated_sessions.h"
#include "sessions/isolated/zygote.h"
#include "sessions/session_service.h"
#include "tools/support/require.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

constexpr auto* kName = "compiler_gym-isolation-cost";
constexpr int kRounds = 101;
constexpr int kStepsPerRound = 300;
constexpr int kStartsPerRound = 5;

std::unique_ptr<CompilationSession> make_session(CompilerGymServiceContext& context) {
  return std::make_unique<PooledSession>(context);
}

// One session service with its threads.
class Service {
 public:
  Service(const boost::filesystem::path& directory, isolated::Zygote zygote)
      : io_thread_([this] { io_context_.run(); }) {
    context_host_ = std::make_unique<ContextHost>(
        io_context_.get_executor(), std::make_unique<DefaultCompilerGymServiceContext>(directory),
        workers_, *logger_);
    service_ = std::make_unique<SessionService>(
        make_session, *context_host_, workers_, SessionServiceOptions(),
        std::make_unique<isolated::IsolatedSessions>(io_context_.get_executor(), std::move(zygote),
                                                     workers_, isolated::IsolationOptions(),
                                                     *logger_));
    require(service_->load_spaces());
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    service_->async_end_all(boost::asio::use_future).get();
    service_.reset();
    keep_running_.reset();
  }

  Session::Id start() {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri("benchmark://bench");
    request.mutable_benchmark()->mutable_program()->set_contents("program");
    StartSessionReply reply;
    require(service_->async_start_session(request, reply, never_, boost::asio::use_future).get());
    return reply.session_id();
  }
  void choose(Session::Id session, const char* executor) {
    SendSessionParameterRequest request;
    request.set_session_id(session);
    request.add_parameter()->set_key("service.executor");
    request.mutable_parameter(0)->set_value(executor);
    SendSessionParameterReply reply;
    require(service_->async_send_session_parameter(request, reply, never_, boost::asio::use_future)
                .get());
  }
  Session::Id fork(Session::Id parent) {
    ForkSessionRequest request;
    request.set_session_id(parent);
    ForkSessionReply reply;
    require(service_->async_fork_session(request, reply, never_, boost::asio::use_future).get());
    return reply.session_id();
  }
  void step(Session::Id session) {
    StepRequest request;
    request.set_session_id(session);
    request.add_action()->set_int64_value(1);
    request.add_observation_space(1);
    StepReply reply;
    require(service_->async_step(request, reply, never_, boost::asio::use_future).get());
  }
  void end(Session::Id session) {
    EndSessionRequest request;
    request.set_session_id(session);
    EndSessionReply reply;
    require(service_->async_end_session(request, reply, boost::asio::use_future).get());
  }

 private:
  const std::stop_source never_{std::nostopstate};
  std::unique_ptr<Logger> logger_ = make_silent_logger();
  boost::asio::io_context io_context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
      io_context_.get_executor()};
  WorkerPool workers_{{.threads = 2}, *logger_};
  std::unique_ptr<ContextHost> context_host_;
  std::unique_ptr<SessionService> service_;
  std::jthread io_thread_;
};

// The time of one call of `function`, of `count` in a row.
template <typename Function>
double microseconds_each(int count, Function function) {
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    function();
  }
  return Microseconds(std::chrono::steady_clock::now() - started).count() / count;
}

// What the rounds took, in each of which everything is measured once.
struct Rounds {
  std::vector<double> exchange, inline_step, isolated_step, step_difference, inline_fork,
      isolated_fork;
};

Rounds measure(Service& service, EchoProcess& echo) {
  const Session::Id inlined = service.start();
  const Session::Id isolated = service.start();
  service.choose(isolated, "isolated");
  Rounds rounds;
  for (int round = 0; round < kRounds; ++round) {
    rounds.exchange.push_back(microseconds_each(kStepsPerRound, [&] { echo.exchange(); }));
    rounds.inline_step.push_back(microseconds_each(kStepsPerRound, [&] { service.step(inlined); }));
    rounds.isolated_step.push_back(
        microseconds_each(kStepsPerRound, [&] { service.step(isolated); }));
    rounds.step_difference.push_back(rounds.isolated_step.back() - rounds.inline_step.back());
    rounds.inline_fork.push_back(
        microseconds_each(kStartsPerRound, [&] { service.end(service.fork(inlined)); }));
    rounds.isolated_fork.push_back(
        microseconds_each(kStartsPerRound, [&] { service.end(service.fork(isolated)); }));
  }
  return rounds;
}

double quantile(std::vector<double> values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size()));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// The second column is for machines that do something else as well, where a wake-up takes as long
// as others let it: it has the rounds that were left alone.
void print(const Rounds& rounds) {
  const auto row = [](const char* name, const std::vector<double>& values) {
    fmt::print("| {} | {:.1f} | {:.1f} |\n", name, quantile(values, 0.5), quantile(values, 0.1));
  };
  fmt::print("| microseconds, of {} rounds | median | 10th percentile |\n|---|--:|--:|\n", kRounds);
  row("floor: a message to another process and back", rounds.exchange);
  row("step, inline", rounds.inline_step);
  row("step, isolated", rounds.isolated_step);
  row("isolated - inline (target: 15)", rounds.step_difference);
  row("fork and end, inline", rounds.inline_fork);
  row("fork and end, isolated", rounds.isolated_fork);
}

int run(int /*argc*/, char** /*argv*/) {
  EchoProcess echo;  // these two before there are threads
  const auto directory = boost::filesystem::temp_directory_path();
  Result<isolated::Zygote> zygote = isolated::Zygote::fork({
      .make_context = [&] { return std::make_unique<DefaultCompilerGymServiceContext>(directory); },
      .make_session = make_session,
      .working_directory = directory,
      .limits = {},
  });
  if (!zygote) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(zygote.error()));
    return EXIT_FAILURE;
  }
  Service service(directory, *std::move(zygote));
  print(measure(service, echo));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, EXIT_FAILURE, run, argc, argv);
}

#include "tools/demo/demo.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include "client/managed_service.h"
#include "client/service_client.h"
#include "core/run_together.h"
#include "core/support/clock.h"
#include "tools/demo/program_search.h"
#include "tools/support/process_usage.h"
#include "tools/support/program_files.h"
#include "tools/support/progress_line.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;
using namespace std::chrono_literals;

constexpr CallOptions kPreparation{.timeout = 60s};

// Of the whole time: after searching, the best sequences are made shorter; what is left then is enough
// to verify them.
constexpr double kSearchShare = 0.75;
constexpr double kPruneShare = 0.95;

std::string uri_of(const fs::path& program) {
  return "benchmark://compiler_gym-demo/" + program.stem().string();
}

/// One run of the demo against a service that is up.
class Demo {
 public:
  Demo(CompletionQueuePump& pump, const std::string& target, const DemoOptions& options)
      : options_(options), client_(pump, target) {}

  asio::awaitable<grpc::Status> async_run() {
    began_ = Clock::now();
    grpc::Status status = co_await send_programs();
    if (status.ok()) {
      status = co_await make_searches();
    }
    if (status.ok()) {
      status = co_await search();
    }
    co_return status;
  }

  [[nodiscard]] DemoReport report() const {
    DemoReport report;
    for (const std::unique_ptr<ProgramSearch>& program : programs_) {
      report.programs.push_back(program->result());
    }
    report.action_names = spaces_.action_names;
    report.compiler_version = compiler_version_;
    report.concurrent_sessions = options_.sessions;
    report.counts = counts_while_searching_;
    report.search_time = search_time_;
    return report;
  }

 private:
  using Time = Clock::time_point;

  [[nodiscard]] Time at(double share) const {
    return began_ + std::chrono::duration_cast<Clock::duration>(options_.duration * share);
  }

  asio::awaitable<grpc::Status> send_programs() {
    const Result<GetVersionReply> version = co_await client_.get_version(kPreparation);
    if (!version) {
      co_return version.error();
    }
    compiler_version_ = version->compiler_version();
    AddBenchmarkRequest request;
    for (const fs::path& path : options_.programs) {
      Result<std::string> program = read_file(path);
      if (!program) {
        co_return program.error();
      }
      Benchmark& benchmark = *request.add_benchmark();
      benchmark.set_uri(uri_of(path));
      benchmark.mutable_program()->set_contents(*std::move(program));
    }
    const Result<AddBenchmarkReply> added =
        co_await client_.add_benchmark(std::move(request), kPreparation);
    co_return added ? grpc::Status::OK : added.error();
  }

  asio::awaitable<grpc::Status> make_searches() {
    const Result<DemoSpaces> spaces = co_await find_demo_spaces(client_);
    if (!spaces) {
      co_return spaces.error();
    }
    spaces_ = *spaces;
    for (const fs::path& path : options_.programs) {
      Result<SequenceSearch> search =
          SequenceSearch::create(spaces_.action_names, options_.seed + programs_.size());
      if (!search) {
        co_return search.error();
      }
      ProgramClient program(client_, spaces_, counts_, uri_of(path));
      programs_.push_back(std::make_unique<ProgramSearch>(path.stem().string(), std::move(program),
                                                          *std::move(search)));
    }
    co_return co_await for_each_program(
        [](ProgramSearch& program) { return program.async_measure_baselines(); });
  }

  /// All programs at the same time. The first error, if any.
  template <typename Task>
  asio::awaitable<grpc::Status> for_each_program(Task task) {
    grpc::Status failure;
    const auto run_one = [&](int i) -> asio::awaitable<void> {
      ProgramSearch& program = *programs_[static_cast<std::size_t>(i)];
      const grpc::Status status = co_await task(program);
      if (!status.ok() && failure.ok()) {
        failure = {status.error_code(), program.result().name + ": " + status.error_message()};
      }
    };
    co_await run_together(static_cast<int>(programs_.size()), run_one);
    co_return failure;
  }

  asio::awaitable<grpc::Status> search() {
    search_until_ = at(kSearchShare);
    prune_until_ = at(kPruneShare);
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    signals.async_wait([this](boost::system::error_code error, int) {
      if (!error) {
        search_until_ = prune_until_ = Clock::now();
        watch_timer_->cancel();
      }
    });

    const Time search_began = Clock::now();
    const auto run_one = [&](int i) {
      const std::size_t program = static_cast<std::size_t>(i) % programs_.size();
      return i == options_.sessions ? watch() : programs_[program]->async_search(&search_until_);
    };
    co_await run_together(options_.sessions + 1, run_one);
    search_time_ = Clock::now() - search_began;
    counts_while_searching_ = counts_;

    co_return co_await for_each_program(
        [this](ProgramSearch& program) { return prune_and_verify(program); });
  }

  asio::awaitable<grpc::Status> prune_and_verify(ProgramSearch& program) {
    co_await program.async_end_incumbent();
    co_await program.async_prune(&prune_until_);
    co_return co_await program.async_verify();
  }

  /// Shows on a terminal how far the search has come.
  asio::awaitable<void> watch() {
    constexpr auto kInterval = 100ms;
    ProgressLine line;
    watch_timer_ = std::make_unique<Timer>(co_await asio::this_coro::executor);
    while (Clock::now() < search_until_) {
      const auto better = std::count_if(programs_.begin(), programs_.end(),
                                        [](const auto& program) { return program->beats_oz(); });
      line.show((Clock::now() - began_) / (1.0 * (search_until_ - began_)),
                fmt::format("{} sessions searching, {} steps, {} of {} programs below -Oz",
                            options_.sessions, counts_.steps, better, programs_.size()));
      watch_timer_->expires_at(std::min(Clock::now() + kInterval, search_until_));
      co_await watch_timer_->async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  const DemoOptions& options_;
  ServiceClient client_;
  std::string compiler_version_;
  DemoSpaces spaces_;
  DemoCounts counts_;
  DemoCounts counts_while_searching_;
  std::vector<std::unique_ptr<ProgramSearch>> programs_;
  Time began_;
  Time search_until_;
  Time prune_until_;
  Clock::duration search_time_{0};
  std::unique_ptr<Timer> watch_timer_;
};

}  // namespace

asio::awaitable<Result<DemoReport>> async_run_demo(CompletionQueuePump& pump, DemoOptions options) {
  ManagedServiceOptions service_options;
  service_options.binary = options.service;
  service_options.arguments = {"--owner_pid=" + std::to_string(getpid())};
  const Result<std::unique_ptr<ManagedService>> service =
      co_await ManagedService::async_start(std::move(service_options));
  if (!service) {
    co_return service.error();
  }
  Demo demo(pump, (*service)->target(), options);
  const grpc::Status status = co_await demo.async_run();
  const Result<ProcessUsage> usage = read_process_usage((*service)->pid());
  const ProcessExit exit = co_await (*service)->async_stop();
  if (!status.ok()) {
    co_return status;
  }
  if (!usage) {
    co_return usage.error();
  }
  if (exit.returncode != 0) {
    co_return internal_error("the service ended with " + exit.describe());
  }
  DemoReport report = demo.report();
  report.peak_rss_bytes = usage->peak_rss_bytes;
  co_return report;
}

}  // namespace compiler_gym

#include "tools/soak/soak.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <numeric>
#include <utility>

#include "client/managed_service.h"
#include "client/service_client.h"
#include "core/run_together.h"
#include "tools/load/load_generator.h"
#include "tools/load/operation_mix.h"
#include "tools/soak/soak_session.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kSessionTtl{5};
constexpr auto kSampleInterval = 500ms;
// Beyond the programs that are worked on; damaged ones take a template each, too.
constexpr std::size_t kSpareTemplates = 16;

class Soak {
 public:
  Soak(CompletionQueuePump& pump, SoakOptions options,
       std::function<void(const SoakProgress&)> on_progress)
      : pump_(pump), options_(std::move(options)), on_progress_(std::move(on_progress)) {}

  asio::awaitable<Result<SoakReport>> async_run() {
    grpc::Status status = co_await start_service();
    if (status.ok()) {
      status = co_await warm_up();
    }
    if (status.ok()) {
      status = co_await become_idle(report_.before);
    }
    if (status.ok()) {
      status = co_await bear_load();
    }
    if (status.ok()) {
      status = co_await become_idle(report_.after);
    }
    if (!status.ok()) {
      co_return status;
    }
    report_.faults = faults_->counts();
    faults_.reset();
    report_.returncode = (co_await service_->async_stop()).returncode;
    co_return std::move(report_);
  }

 private:
  asio::awaitable<grpc::Status> start_service() {
    Result<std::string> program = read_file(options_.programs.front());
    if (!program) {
      co_return program.error();
    }
    program_ = *std::move(program);
    FaultTargets targets;
    targets.program = program_;
    ManagedServiceOptions service;
    service.binary = options_.launcher;
    shortages_.emplace(options_.service);
    targets.shortages = options_.shortages ? &*shortages_ : nullptr;
    service.arguments = options_.service_arguments;
    service.arguments.push_back("--session_ttl=" + std::to_string(kSessionTtl.count()));
    service.arguments.push_back("--max_templates=" + std::to_string(max_templates()));
    auto started = co_await ManagedService::async_start(std::move(service));
    if (!started) {
      co_return started.error();
    }
    service_ = *std::move(started);
    targets.service = service_->pid();
    targets.target = service_->target();
    targets.port = service_->port();
    targets.load_generator = options_.load_generator;
    targets.program_file = options_.programs.front();
    faults_.emplace(pump_, std::move(targets), options_.seed);
    co_return grpc::Status::OK;
  }

  [[nodiscard]] LoadOptions load_options(std::chrono::nanoseconds duration) const {
    LoadOptions load;
    load.target = service_->target();
    load.sessions = options_.sessions;
    load.in_flight = std::min(options_.sessions, 16);
    load.duration = duration;
    load.warmup = 0s;
    load.mix = *OperationMix::parse("step=80,start=8,fork=8,end=4");
    load.observation_spaces = {"IrSha1", "Autophase", "ObjectTextSizeBytes"};
    load.benchmark_files = options_.programs;
    load.timeout = 60s;
    load.seed = options_.seed;
    return load;
  }

  asio::awaitable<grpc::Status> warm_up() {
    LoadGenerator generator(pump_,
                            load_options(std::max<Clock::duration>(10s, options_.duration / 10)));
    const Result<LoadResult> load = co_await generator.async_run();
    if (!load) {
      co_return load.error();
    }
    for (std::size_t fault = 0; fault < kFaultCount; ++fault) {
      co_await faults_->async_inject(static_cast<Fault>(fault));
    }
    co_return grpc::Status::OK;
  }

  asio::awaitable<grpc::Status> bear_load() {
    LoadGenerator generator(pump_, load_options(options_.duration));
    began_ = Clock::now();
    Result<LoadResult> load = LoadResult();
    generator.on_progress([this](const LoadProgress& progress) {
      on_progress_({progress.fraction, progress.operations, fault_count()});
    });
    const auto run_part = [&](int part) -> asio::awaitable<void> {
      switch (part) {
        case 0:
          load = co_await generator.async_run();
          under_load_ = false;
          break;
        case 1:
          co_await inject_faults();
          break;
        default:
          co_await take_samples();
          break;
      }
    };
    under_load_ = true;
    co_await run_together(3, run_part);
    if (!load) {
      co_return load.error();
    }
    report_.load = *std::move(load);
    co_return grpc::Status::OK;
  }

  asio::awaitable<void> inject_faults() {
    while (under_load_) {
      co_await async_pause(options_.fault_interval);
      co_await faults_->async_inject(faults_->draw());
    }
  }

  asio::awaitable<void> take_samples() {
    while (under_load_) {
      report_.samples.push_back({Clock::now() - began_, usage()});
      co_await async_pause(kSampleInterval);
    }
  }

  // Sessions that were left behind end by themselves; the processes of sessions that have ended, a
  // moment later. What the service keeps of benchmarks is measured when it is all that it may keep.
  asio::awaitable<grpc::Status> become_idle(ResourceUsage& idle) {
    faults_->leave_alone();
    ServiceClient client(pump_, service_->target());
    const Clock::time_point give_up = Clock::now() + 12 * kSessionTtl;
    for (;;) {
      EndSessionRequest no_session;
      no_session.set_session_id(-1);
      const auto reply = co_await client.end_session(std::move(no_session), kSoakPatience);
      if (!reply) {
        co_return reply.error();
      }
      if (reply->remaining_sessions() == 0) {
        break;
      }
      if (Clock::now() > give_up) {
        co_return deadline_exceeded(std::to_string(reply->remaining_sessions()) +
                                    " sessions are left long after their time to live");
      }
      co_await async_pause(kSampleInterval);
    }
    const grpc::Status filled = co_await fill_templates(client);
    if (!filled.ok()) {
      co_return filled;
    }
    co_await async_pause(kSessionTtl);
    idle = usage();
    co_return grpc::Status::OK;
  }

  // Lets go of whatever templates there are, and of the idle sandboxes that were forked from them. The
  // benchmarks are new each time: sessions on what the state graph knows need no template.
  asio::awaitable<grpc::Status> fill_templates(ServiceClient& client) {
    for (std::size_t i = 0; i < max_templates(); ++i) {
      const std::string name = "kept/" + std::to_string(kept_benchmarks_++);
      const grpc::Status kept = co_await async_start_and_end(client, soak_session(name, program_));
      if (!kept.ok()) {
        co_return kept;
      }
    }
    co_return grpc::Status::OK;
  }
  [[nodiscard]] std::size_t max_templates() const {
    return options_.programs.size() + kSpareTemplates;
  }

  [[nodiscard]] ResourceUsage usage() const {
    return read_resource_usage(service_->pid(), service_->working_directory());
  }
  [[nodiscard]] std::uint64_t fault_count() const {
    const auto& counts = faults_->counts();
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  }

  CompletionQueuePump& pump_;
  const SoakOptions options_;
  const std::function<void(const SoakProgress&)> on_progress_;
  std::string program_;                        // the first one
  std::size_t kept_benchmarks_ = 0;            // that templates were filled with
  std::optional<SystemCallFaults> shortages_;  // answers the service's calls until it has ended
  std::unique_ptr<ManagedService> service_;
  std::optional<FaultInjector> faults_;
  Clock::time_point began_;
  bool under_load_ = false;
  SoakReport report_;
};

}  // namespace

asio::awaitable<Result<SoakReport>> async_soak(
    CompletionQueuePump& pump, SoakOptions options,
    std::function<void(const SoakProgress&)> on_progress) {
  Soak soak(pump, std::move(options), std::move(on_progress));
  co_return co_await soak.async_run();
}

}  // namespace compiler_gym

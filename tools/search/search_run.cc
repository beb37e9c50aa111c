#include "tools/search/search_run.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "client/managed_service.h"
#include "core/run_together.h"
#include "tools/search/method_run.h"
#include "tools/support/progress_line.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// One search that is to be made.
struct Task {
  std::size_t objective = 0;
  std::size_t program = 0;
  std::size_t method = 0;
};

/// So that no two searches draw the same numbers, and a program's are the same whichever others there are.
std::uint64_t seed_of(std::uint64_t seed, Objective objective, const std::string& program,
                      MethodKind method) {
  std::vector<std::uint32_t> parts{
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U),
      static_cast<std::uint32_t>(objective), static_cast<std::uint32_t>(method)};
  parts.insert(parts.end(), program.begin(), program.end());
  std::seed_seq sequence(parts.begin(), parts.end());
  std::array<std::uint32_t, 2> words{};
  sequence.generate(words.begin(), words.end());
  return std::uint64_t{words[0]} << 32U | words[1];
}

/// A run against a service that is up.
class SearchRun {
 public:
  SearchRun(CompletionQueuePump& pump, const std::string& target, const SearchOptions& options,
            CommandRunner& commands)
      : options_(options),
        commands_(commands),
        client_(pump, target, options.step_timeout),
        check_(client_, commands, passes_) {}

  asio::awaitable<grpc::Status> async_run() {
    const grpc::Status prepared = co_await client_.async_prepare();
    if (!prepared.ok()) {
      co_return prepared;
    }
    co_await load_programs();
    co_await search();
    co_return grpc::Status::OK;
  }

  [[nodiscard]] SearchReport report() const;

 private:
  /// What became of a program: loaded, or an error.
  struct Program {
    Result<LoadedProgram> loaded = LoadedProgram();
    std::vector<grpc::Status> failures;  // of searches on it, by objective
  };

  /// Runs `work(i)` for 0 <= i < count, as many at a time as there may be sessions.
  template <typename Work>
  asio::awaitable<void> for_each(std::size_t count, Work work) {
    std::size_t next = 0;
    const auto worker = [&](int) -> asio::awaitable<void> {
      while (next < count) {
        const std::size_t mine = next++;
        co_await work(mine);
      }
    };
    co_await run_together(options_.sessions, worker);
  }

  asio::awaitable<void> load_programs() {
    programs_.resize(options_.programs.size());
    const auto load = [this](std::size_t i) -> asio::awaitable<void> {
      ProgramFile file = options_.programs[i];
      std::string uri = "benchmark://compiler_gym-search/" + std::to_string(i);
      programs_[i].failures.resize(options_.objectives.size());
      programs_[i].loaded = co_await async_load_program(client_, commands_, std::move(file),
                                                        std::move(uri), options_.validate);
    };
    co_await for_each(programs_.size(), load);
  }

  asio::awaitable<void> search() {
    for (std::size_t objective = 0; objective < options_.objectives.size(); ++objective) {
      for (std::size_t program = 0; program < programs_.size(); ++program) {
        for (std::size_t method = 0; method < options_.methods.size(); ++method) {
          if (programs_[program].loaded) {
            tasks_.push_back({objective, program, method});
          }
        }
      }
    }
    results_.resize(tasks_.size());
    progress_.resize(tasks_.size());
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    signals.async_wait([this](boost::system::error_code error, int) {
      is_interrupted_ = is_interrupted_ || !error;
    });
    watch_timer_ = std::make_unique<Timer>(co_await asio::this_coro::executor);
    const auto part = [this](int i) { return i == 0 ? watch() : run_tasks(); };
    co_await run_together(2, part);
  }

  asio::awaitable<void> run_tasks() {
    const SearchSetting setting{
        .client = client_,
        .passes = passes_,
        .check = check_,
        .budget = {
            .steps = options_.steps, .duration = options_.duration, .is_over = &is_interrupted_}};
    const auto run = [&](std::size_t i) { return run_task(setting, i); };
    std::exception_ptr failure;
    try {
      co_await for_each(tasks_.size(), run);
    } catch (...) {
      failure = std::current_exception();
    }
    is_done_ = true;
    watch_timer_->cancel();
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
  }

  asio::awaitable<void> run_task(const SearchSetting& setting, std::size_t i) {
    const Task task = tasks_[i];
    Program& program = programs_[task.program];
    if (!program.failures[task.objective].ok()) {
      co_return;  // of what can't be searched by one method no other has a result to compare with
    }
    const Objective objective = options_.objectives[task.objective];
    const MethodKind method = options_.methods[task.method];
    const std::uint64_t seed = seed_of(options_.seed, objective, program.loaded->file.name, method);
    Result<MethodResult> result =
        co_await async_run_method(setting, *program.loaded, objective, method, seed, progress_[i]);
    progress_[i] = 1;
    if (!result) {
      program.failures[task.objective] = result.error();
      co_return;
    }
    results_[i] = *std::move(result);
  }

  /// Shows on a terminal how far the search has come.
  asio::awaitable<void> watch() {
    constexpr auto kInterval = 100ms;
    ProgressLine line;
    while (!is_done_) {
      const double done = std::accumulate(progress_.begin(), progress_.end(), 0.0);
      const auto count = static_cast<double>(progress_.size());
      line.show(count > 0 ? done / count : 1,
                fmt::format("{:.0f} of {} searches, {} at a time", done, count, options_.sessions));
      watch_timer_->expires_after(kInterval);
      co_await watch_timer_->async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  [[nodiscard]] ObjectiveReport report_of(std::size_t objective) const;

  const SearchOptions& options_;
  CommandRunner& commands_;
  const PassList passes_;
  SearchClient client_;
  ResultCheck check_;
  std::vector<Program> programs_;
  std::vector<Task> tasks_;
  std::vector<MethodResult> results_;  // by task
  std::vector<double> progress_;       // by task
  std::unique_ptr<Timer> watch_timer_;
  bool is_interrupted_ = false;
  bool is_done_ = false;
};

ObjectiveReport SearchRun::report_of(std::size_t objective) const {
  ObjectiveReport report{.objective = options_.objectives[objective], .methods = options_.methods};
  for (std::size_t i = 0; i < programs_.size(); ++i) {
    const Result<LoadedProgram>& loaded = programs_[i].loaded;
    const grpc::Status status = loaded ? programs_[i].failures[objective] : loaded.error();
    if (!status.ok()) {
      report.skipped.push_back({options_.programs[i].path, to_string(status)});
      continue;
    }
    ProgramReport program{
        .program = loaded->file,
        .baseline = loaded->baseline(report.objective),
        .baseline_command = baseline_command(loaded->file, loaded->file.name + ".o"),
        .is_validated = loaded->can_validate()};
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
      if (tasks_[task].objective == objective && tasks_[task].program == i) {
        program.methods.push_back(results_[task]);
      }
    }
    report.programs.push_back(std::move(program));
  }
  return report;
}

SearchReport SearchRun::report() const {
  SearchReport report{.service_version = client_.version().service_version(),
                      .compiler_version = client_.version().compiler_version(),
                      .seed = options_.seed,
                      .steps = options_.steps,
                      .seconds = static_cast<int>(options_.duration.count()),
                      .was_interrupted = is_interrupted_};
  for (std::size_t objective = 0; objective < options_.objectives.size(); ++objective) {
    report.objectives.push_back(report_of(objective));
  }
  return report;
}

}  // namespace

asio::awaitable<Result<SearchReport>> async_run_search(
    CompletionQueuePump& pump, SearchOptions options,
    std::shared_ptr<const CommandHost> command_host) {
  Result<std::unique_ptr<CommandRunner>> commands =
      CommandRunner::create(std::move(command_host), static_cast<std::size_t>(options.sessions));
  if (!commands) {
    co_return commands.error();
  }
  std::string ask_tools = "clang-19 --version && opt-19 --version && llvm-size-19 --version";
  const grpc::Status tools = co_await (*commands)->async_run(std::move(ask_tools));
  if (!tools.ok()) {
    co_return failed_precondition(
        "clang-19, opt-19 and llvm-size-19 are needed (apt install clang-19 llvm-19): " +
        tools.error_message());
  }
  ManagedServiceOptions service_options;
  service_options.binary = options.service;
  service_options.arguments = {"--owner_pid=" + std::to_string(getpid()), "--all_observations",
                               "--step_timeout=" + std::to_string(options.step_timeout.count())};
  service_options.own_process_group = true;  // it is needed for what is found until a Ctrl-C
  const Result<std::unique_ptr<ManagedService>> service =
      co_await ManagedService::async_start(std::move(service_options));
  if (!service) {
    co_return service.error();
  }
  SearchRun run(pump, (*service)->target(), options, **commands);
  const grpc::Status status = co_await run.async_run();
  const ProcessExit exit = co_await (*service)->async_stop();
  if (!status.ok()) {
    co_return status;
  }
  if (exit.returncode != 0) {
    co_return internal_error("the service ended with " + exit.describe());
  }
  co_return run.report();
}

}  // namespace compiler_gym

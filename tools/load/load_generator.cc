#include "tools/load/load_generator.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/run_together.h"
#include "tools/load/service_spaces.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

std::chrono::microseconds own_cpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto to_microseconds = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return to_microseconds(usage.ru_utime) + to_microseconds(usage.ru_stime);
}

/// The same status, its text preceded by what was attempted.
grpc::Status in_context(const std::string& attempt, const grpc::Status& status) {
  return status.ok() ? status
                     : grpc::Status(status.error_code(), attempt + ": " + status.error_message());
}

/// Whether the session may be presumed to work after a call on it failed.
bool leaves_session_usable(const grpc::Status& status) {
  return status.ok() || status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

}  // namespace

LoadGenerator::LoadGenerator(CompletionQueuePump& pump, LoadOptions options)
    : pump_(pump),
      options_(std::move(options)),
      call_options_{.timeout = options_.timeout},
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
  co_await close_streams();
  if (!status.ok()) {
    co_return status;
  }
  co_return std::move(result_);
}

// ------------------------------------------------------------------------------ before and after

asio::awaitable<grpc::Status> LoadGenerator::prepare() {
  for (int i = 0; i < options_.connections; ++i) {
    const auto channel = options_.channel != nullptr
                             ? options_.channel
                             : make_channel(options_.target, options_.credentials);
    clients_.push_back(std::make_unique<ServiceClient>(pump_, channel, options_.credentials.token));
    if (options_.stream) {
      streams_.push_back(
          std::make_unique<StreamClient>(pump_, channel, options_.credentials.token));
    }
  }
  for (const std::unique_ptr<ServiceClient>& client : clients_) {
    // Also makes each connection, which no measured call should have to wait for.
    const CallOptions patience{.timeout = std::min(options_.timeout, 10'000ms),
                               .wait_for_ready = true};
    const Result<GetVersionReply> version = co_await client->get_version(patience);
    if (!version) {
      co_return in_context("cannot use the service at '" + options_.target + "'", version.error());
    }
    result_.service_version = version->service_version();
    result_.compiler_version = version->compiler_version();
  }
  if (slots_.empty()) {
    co_return grpc::Status::OK;
  }
  const Result<GetSpacesReply> spaces = co_await clients_.front()->get_spaces(call_options_);
  if (!spaces) {
    co_return in_context("GetSpaces", spaces.error());
  }
  if (grpc::Status status = resolve_spaces(*spaces); !status.ok()) {
    co_return status;
  }
  co_return co_await add_benchmarks();
}

grpc::Status LoadGenerator::resolve_spaces(const GetSpacesReply& spaces) {
  if (!options_.action_space.empty()) {
    const Result<int> index = find_action_space(spaces, options_.action_space);
    if (!index) {
      return index.error();
    }
    action_space_ = *index;
  }
  if (options_.actions_per_step > 0) {
    const Result<std::int64_t> count = count_actions(spaces.action_space_list(action_space_));
    if (!count) {
      return count.error();
    }
    action_count_ = *count;
  }
  for (const std::string& name : options_.observation_spaces) {
    const Result<int> index = find_observation_space(spaces, name);
    if (!index) {
      return index.error();
    }
    observation_spaces_.push_back(*index);
  }
  if (validator_) {
    const Result<int> index = find_observation_space(spaces, "Bitcode");
    if (!index) {
      return index.error();
    }
    bitcode_space_ = *index;
    if (auto names = action_names(spaces.action_space_list(action_space_)); names) {
      action_names_ = *std::move(names);
    }
  }
  return grpc::Status::OK;
}

asio::awaitable<grpc::Status> LoadGenerator::add_benchmarks() {
  std::vector<std::string> uris = options_.benchmark_uris;
  AddBenchmarkRequest request;
  const auto add = [&](const std::string& name, std::string contents) {
    Benchmark& benchmark = *request.add_benchmark();
    benchmark.set_uri("benchmark://compiler_gym-load/" + name);
    benchmark.mutable_program()->set_contents(std::move(contents));
    if (options_.dynamic_config.has_build_cmd()) {
      *benchmark.mutable_dynamic_config() = options_.dynamic_config;
    }
    if (validator_) {
      validated_benchmarks_[benchmark.uri()] = benchmark;
    }
    uris.push_back(benchmark.uri());
  };
  for (const boost::filesystem::path& path : options_.benchmark_files) {
    Result<std::string> contents = read_file(path);
    if (!contents) {
      co_return contents.error();
    }
    add(path.filename().string(), *std::move(contents));
  }
  if (uris.empty()) {
    add("few-bytes", "Ir data");
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].client = clients_[i % clients_.size()].get();
    slots_[i].stream = streams_.empty() ? nullptr : streams_[i % streams_.size()].get();
    slots_[i].benchmark_uri = uris[i % uris.size()];
    const auto validated = validated_benchmarks_.find(slots_[i].benchmark_uri);
    slots_[i].validated = validated == validated_benchmarks_.end() ? nullptr : &validated->second;
  }
  if (request.benchmark().empty()) {
    co_return grpc::Status::OK;
  }
  const Result<AddBenchmarkReply> added =
      co_await clients_.front()->add_benchmark(std::move(request), call_options_);
  co_return added ? grpc::Status::OK : in_context("AddBenchmark", added.error());
}

asio::awaitable<grpc::Status> LoadGenerator::open_all_sessions() {
  std::size_t next = 0;
  grpc::Status failure;
  const auto open_some = [&](int) -> asio::awaitable<void> {
    while (next < slots_.size() && failure.ok()) {
      const grpc::Status status = co_await start(slots_[next++], Due());
      if (!status.ok()) {
        failure = in_context("StartSession", status);
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
      Slot& slot = slots_[next++];
      if (slot.session) {
        // What comes of it is of no interest any more: the measurement is over.
        co_await retire(slot, *std::exchange(slot.session, std::nullopt), Due());
      }
    }
  };
  co_await run_together(std::min(options_.effective_in_flight(), options_.opened_together),
                        end_some);
}

asio::awaitable<void> LoadGenerator::close_streams() {
  for (const std::unique_ptr<StreamClient>& stream : streams_) {
    co_await stream->async_close();  // if it broke, the steps on it have said so
  }
}

// ------------------------------------------------------------------------------- while it lasts

asio::awaitable<void> LoadGenerator::run_load() {
  load_began_ = Clock::now();
  measure_from_ = load_began_ + options_.warmup;
  if (options_.duration) {
    measure_until_ = measure_from_ + *options_.duration;
  }
  const auto run_one = [&](int i) { return i == 0 ? watch() : work(); };
  co_await run_together(1 + options_.effective_in_flight(), run_one);
  finish_measuring();
}

/// Keeps the time: when measuring begins, how far it has come, when it is over.
asio::awaitable<void> LoadGenerator::watch() {
  constexpr auto kInterval = 100ms;
  watch_timer_.emplace(co_await asio::this_coro::executor);
  if (options_.warmup > 0ns) {
    watch_timer_->expires_at(measure_from_);
    co_await watch_timer_->async_wait(kAsTuple);
  }
  begin_measuring();
  while (!stopped_) {
    watch_timer_->expires_at(std::min(Clock::now() + kInterval, measure_until_));
    co_await watch_timer_->async_wait(kAsTuple);
    if (Clock::now() >= measure_until_) {
      stop();
    }
    report_progress();
  }
}

void LoadGenerator::report_progress() {
  if (!observer_) {
    return;
  }
  LoadProgress progress;
  progress.operations = result_.operations;
  for (const RpcResult& rpc : result_.rpcs) {
    progress.errors += rpc.error_count();
  }
  if (options_.duration) {
    progress.fraction = std::chrono::duration<double>(Clock::now() - measure_from_) /
                        std::chrono::duration<double>(*options_.duration);
  }
  if (options_.operations) {
    const double done = static_cast<double>(progress.operations);
    progress.fraction =
        std::max(progress.fraction, done / static_cast<double>(*options_.operations));
  }
  observer_(progress);
}

/// Lets no more operations begin.
void LoadGenerator::stop() {
  if (!stopped_) {
    stopped_ = true;
    last_event_ = Clock::now();
    watch_timer_->cancel();
  }
}

/// One simulated client.
asio::awaitable<void> LoadGenerator::work() {
  Timer timer(co_await asio::this_coro::executor);
  for (;;) {
    const std::optional<Due> due = next_operation();
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
std::optional<LoadGenerator::Due> LoadGenerator::next_operation() {
  if (options_.operations && result_.operations >= *options_.operations) {
    stop();
  }
  if (stopped_) {
    return std::nullopt;
  }
  Due due{Clock::now()};
  if (options_.rate) {
    due.since = load_began_ + arrivals_.next();
  }
  if (due.since >= measure_until_) {
    return std::nullopt;
  }
  // In the open loop this may be asked before measuring begins about an operation that comes after.
  due.measured = options_.rate ? due.since >= measure_from_ : measuring_;
  if (due.measured) {
    ++result_.operations;
  }
  return due;
}

asio::awaitable<bool> LoadGenerator::perform(Operation operation, Due due) {
  grpc::Status status;
  if (operation == Operation::kVersion) {
    const std::size_t index = static_cast<std::size_t>(random_() % clients_.size());
    const Result<GetVersionReply> version = co_await clients_[index]->get_version(call_options_);
    status = version ? grpc::Status::OK : version.error();
    record(Rpc::kGetVersion, due, status);
  } else {
    // There is an idle slot for every worker, since there are no more workers than slots.
    std::swap(idle_[static_cast<std::size_t>(random_() % idle_.size())], idle_.back());
    const std::size_t index = idle_.back();
    idle_.pop_back();
    status = co_await perform_on(slots_[index], operation, due);
    idle_.push_back(index);
  }
  co_return status.error_code() != grpc::StatusCode::UNAVAILABLE;
}

asio::awaitable<grpc::Status> LoadGenerator::perform_on(Slot& slot, Operation operation, Due due) {
  if (!slot.session) {  // lost by an earlier failure
    const grpc::Status status = co_await start(slot, due.from_now());
    if (!status.ok()) {
      co_return status;
    }
  }
  if (operation == Operation::kStep) {
    co_return co_await step(slot, due);
  }
  if (operation == Operation::kFork) {
    co_return co_await fork(slot, due);
  }
  Session before = *std::exchange(slot.session, std::nullopt);
  if (operation == Operation::kStart) {
    const grpc::Status status = co_await start(slot, due);
    const grpc::Status ended = co_await retire(slot, std::move(before), due.from_now());
    co_return status.ok() ? ended : status;
  }
  const grpc::Status ended = co_await retire(slot, std::move(before), due);
  const grpc::Status status = co_await start(slot, due.from_now());
  co_return status.ok() ? ended : status;
}

asio::awaitable<Result<StepReply>> LoadGenerator::send_step(Slot& slot, StepRequest request) {
  if (slot.stream != nullptr) {
    co_return co_await slot.stream->step(std::move(request));
  }
  co_return co_await slot.client->step(std::move(request), call_options_);
}

asio::awaitable<grpc::Status> LoadGenerator::step(Slot& slot, Due due) {
  StepRequest request;
  request.set_session_id(slot.session->id);
  std::vector<std::int64_t> actions;
  for (int i = 0; i < options_.actions_per_step; ++i) {
    const auto action =
        static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(action_count_));
    request.add_action()->set_int64_value(action);
    actions.push_back(action);
  }
  request.mutable_observation_space()->Assign(observation_spaces_.begin(),
                                              observation_spaces_.end());
  const Result<StepReply> reply = co_await send_step(slot, std::move(request));
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  record(Rpc::kStep, due, status);
  if (slot.validated != nullptr) {
    slot.session->actions.insert(slot.session->actions.end(), actions.begin(), actions.end());
  }
  if (!leaves_session_usable(status)) {
    // A best effort: the session may well be gone already.
    co_await end(slot, std::exchange(slot.session, std::nullopt)->id, due.from_now());
  } else if (reply && reply->end_of_session()) {
    co_await retire(slot, *std::exchange(slot.session, std::nullopt), due.from_now());
  }
  co_return status;
}

asio::awaitable<grpc::Status> LoadGenerator::fork(Slot& slot, Due due) {
  ForkSessionRequest request;
  request.set_session_id(slot.session->id);
  const Result<ForkSessionReply> reply =
      co_await slot.client->fork_session(std::move(request), call_options_);
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  record(Rpc::kForkSession, due, status);
  if (!status.ok()) {
    co_return status;
  }
  Session child{reply->session_id(), slot.session->actions};
  Session parent = *std::exchange(slot.session, std::move(child));
  co_return co_await retire(slot, std::move(parent), due.from_now());
}

asio::awaitable<grpc::Status> LoadGenerator::start(Slot& slot, Due due) {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri(slot.benchmark_uri);
  request.set_action_space(action_space_);
  const Result<StartSessionReply> reply =
      co_await slot.client->start_session(std::move(request), call_options_);
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  record(Rpc::kStartSession, due, status);
  if (reply) {
    slot.session = Session{reply->session_id()};
  }
  co_return status;
}

/// Ends a session that is in order, and validates it before if that is asked for.
asio::awaitable<grpc::Status> LoadGenerator::retire(Slot& slot, Session session, Due due) {
  const std::int64_t session_id = session.id;
  if (slot.validated != nullptr) {
    co_await validate(slot, std::move(session));
    due = due.from_now();
  }
  co_return co_await end(slot, session_id, due);
}

asio::awaitable<void> LoadGenerator::validate(const Slot& slot, Session session) {
  StepRequest request;
  request.set_session_id(session.id);
  request.add_observation_space(bitcode_space_);
  Result<StepReply> reply = co_await slot.client->step(std::move(request), call_options_);
  Validation validation;
  if (!reply) {
    validation.reason = in_context("Step", reply.error()).error_message();
  } else if (reply->observation_size() != 1) {
    validation.reason = "the service did not answer with the observation 'Bitcode'";
  } else {
    std::string& bitcode = *reply->mutable_observation(0)->mutable_byte_tensor()->mutable_value();
    validation = co_await validator_(*slot.validated, std::move(bitcode));
  }
  std::vector<std::string> actions;
  for (const std::int64_t action : session.actions) {
    const auto index = static_cast<std::size_t>(action);
    actions.push_back(index < action_names_.size() ? action_names_[index] : std::to_string(action));
  }
  result_.validations[slot.benchmark_uri].record(std::move(validation), std::move(actions));
}

asio::awaitable<grpc::Status> LoadGenerator::end(Slot& slot, std::int64_t session_id, Due due) {
  EndSessionRequest request;
  request.set_session_id(session_id);
  const Result<EndSessionReply> reply =
      co_await slot.client->end_session(std::move(request), call_options_);
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  record(Rpc::kEndSession, due, status);
  co_return status;
}

void LoadGenerator::record(Rpc rpc, Due due, const grpc::Status& status) {
  if (due.measured) {
    last_event_ = Clock::now();
    result_[rpc].record(last_event_ - due.since, status);
  }
}

void LoadGenerator::begin_measuring() {
  // First what takes time, during which calls under way, not measured yet, wait.
  if (options_.server_pid) {
    if (const Result<ProcessUsage> usage = read_process_usage(*options_.server_pid)) {
      server_cpu_before_ = read_process_tree_cpu(*options_.server_pid);
      result_.server = ServerResult{.pid = *options_.server_pid, .cpu = {}, .usage = *usage};
    }
  }
  client_cpu_before_ = own_cpu();
  measuring_ = true;
  measure_from_ = Clock::now();
  if (options_.duration) {
    measure_until_ = measure_from_ + *options_.duration;
  }
}

void LoadGenerator::finish_measuring() {
  measuring_ = false;
  result_.elapsed = last_event_ - measure_from_;
  result_.client_cpu = own_cpu() - client_cpu_before_;
  if (result_.server) {
    if (const Result<ProcessUsage> usage = read_process_usage(*options_.server_pid)) {
      result_.server->cpu = std::chrono::duration_cast<std::chrono::microseconds>(
          read_process_tree_cpu(*options_.server_pid) - server_cpu_before_);
      result_.server->usage = *usage;
    }
  }
}

void LoadGenerator::interrupt() {
  result_.interrupted = true;
  if (watch_timer_) {
    stop();
  }
}

}  // namespace compiler_gym

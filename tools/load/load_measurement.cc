#include "tools/load/load_measurement.h"

#include <sys/resource.h>

#include <algorithm>

#include "tools/support/process_usage.h"

namespace compiler_gym {
namespace {

std::chrono::microseconds own_cpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto to_microseconds = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return to_microseconds(usage.ru_utime) + to_microseconds(usage.ru_stime);
}

}  // namespace

void LoadMeasurement::start() {
  load_began_ = Clock::now();
  begins_ = load_began_ + options_.warmup;
  if (options_.duration) {
    ends_ = begins_ + *options_.duration;
  }
}

void LoadMeasurement::begin() {
  // First what takes time, during which calls under way, not measured yet, wait.
  if (options_.server_pid) {
    if (const Result<ProcessUsage> usage = read_process_usage(*options_.server_pid)) {
      server_cpu_before_ = read_process_tree_cpu(*options_.server_pid);
      result_.server = ServerResult{.pid = *options_.server_pid, .cpu = {}, .usage = *usage};
    }
  }
  client_cpu_before_ = own_cpu();
  measuring_ = true;
  begins_ = Clock::now();
  if (options_.duration) {
    ends_ = begins_ + *options_.duration;
  }
}

void LoadMeasurement::stop() {
  if (!stopped_) {
    stopped_ = true;
    last_event_ = Clock::now();
  }
}

void LoadMeasurement::finish() {
  measuring_ = false;
  result_.elapsed = last_event_ - begins_;
  result_.client_cpu = own_cpu() - client_cpu_before_;
  if (result_.server) {
    if (const Result<ProcessUsage> usage = read_process_usage(*options_.server_pid)) {
      result_.server->cpu = std::chrono::duration_cast<std::chrono::microseconds>(
          read_process_tree_cpu(*options_.server_pid) - server_cpu_before_);
      result_.server->usage = *usage;
    }
  }
}

bool LoadMeasurement::enough_operations() const {
  return options_.operations && result_.operations >= *options_.operations;
}

CallStart LoadMeasurement::count_operation(Clock::time_point since) {
  CallStart start{since};
  // In the open loop this may be asked before measuring begins about an operation that comes after.
  start.measured = options_.rate ? since >= begins_ : measuring_;
  if (start.measured) {
    ++result_.operations;
  }
  return start;
}

void LoadMeasurement::record(Rpc rpc, CallStart start, const grpc::Status& status) {
  if (start.measured) {
    last_event_ = Clock::now();
    result_[rpc].record(last_event_ - start.since, status);
  }
}

LoadProgress LoadMeasurement::progress() const {
  LoadProgress progress;
  progress.operations = result_.operations;
  for (const RpcResult& rpc : result_.rpcs) {
    progress.errors += rpc.error_count();
  }
  if (options_.duration) {
    progress.fraction = std::chrono::duration<double>(Clock::now() - begins_) /
                        std::chrono::duration<double>(*options_.duration);
  }
  if (options_.operations) {
    const double done = static_cast<double>(progress.operations);
    progress.fraction =
        std::max(progress.fraction, done / static_cast<double>(*options_.operations));
  }
  return progress;
}

}  // namespace compiler_gym

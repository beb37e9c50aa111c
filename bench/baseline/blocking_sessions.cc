#include "bench/baseline/blocking_sessions.h"

#include <utility>

#include "async_server/version.h"
#include "sessions/session_rules.h"

namespace compiler_gym {
namespace {

// Nobody cancels anything here.
const std::stop_token kNeverStopped;

}  // namespace

grpc::Status BlockingSessions::call(const GetVersionRequest& /*request*/,
                                    GetVersionReply& reply) const {
  reply.set_service_version(service_version());
  reply.set_compiler_version(host_.spaces().compiler_version());
  return grpc::Status::OK;
}

grpc::Status BlockingSessions::call(const GetSpacesRequest& /*request*/,
                                    GetSpacesReply& reply) const {
  reply = host_.spaces().reply();
  return grpc::Status::OK;
}

grpc::Status BlockingSessions::call(StartSessionRequest& request, StartSessionReply& reply) {
  const std::lock_guard lock(mutex_);
  Result<std::shared_ptr<const Benchmark>> benchmark = find_benchmark(request, host_.benchmarks());
  if (!benchmark) {
    return benchmark.error();
  }
  Result<std::unique_ptr<CompilationSession>> plugin = host_.make_session();
  if (!plugin) {
    return plugin.error();
  }
  grpc::Status status =
      run_start(**plugin, host_.spaces(), request, *std::move(benchmark), reply, kNeverStopped);
  if (status.ok()) {
    reply.set_session_id(add(*std::move(plugin)));
  }
  return status;
}

grpc::Status BlockingSessions::call(const ForkSessionRequest& request, ForkSessionReply& reply) {
  const std::lock_guard lock(mutex_);
  const Result<std::shared_ptr<Session>> parent = find_in_table(request.session_id());
  if (!parent) {
    return parent.error();
  }
  Result<std::unique_ptr<CompilationSession>> plugin = host_.make_session();
  if (!plugin) {
    return plugin.error();
  }
  const std::lock_guard busy((*parent)->busy);
  grpc::Status status = run_fork(**plugin, *(*parent)->plugin, kNeverStopped);
  if (status.ok()) {
    reply.set_session_id(add(*std::move(plugin)));
  }
  return status;
}

grpc::Status BlockingSessions::call(const EndSessionRequest& request, EndSessionReply& reply) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Session> ended;  // destroyed before the lock is let go, if no step runs in it
  const std::lock_guard table_lock(table_mutex_);
  if (const auto found = sessions_.find(request.session_id()); found != sessions_.end()) {
    ended = std::move(found->second);
    sessions_.erase(found);
  }
  reply.set_remaining_sessions(static_cast<int>(sessions_.size()));
  return grpc::Status::OK;
}

grpc::Status BlockingSessions::call(const StepRequest& request, StepReply& reply) {
  const Result<std::shared_ptr<Session>> session = find(request.session_id());
  if (!session) {
    return session.error();
  }
  const std::lock_guard busy((*session)->busy);
  return run_step(*(*session)->plugin, host_.spaces(), request, reply, kNeverStopped);
}

grpc::Status BlockingSessions::call(AddBenchmarkRequest& request, AddBenchmarkReply& /*reply*/) {
  const std::lock_guard lock(mutex_);
  for (Benchmark& benchmark : *request.mutable_benchmark()) {
    host_.benchmarks().add(std::move(benchmark));
  }
  return grpc::Status::OK;
}

grpc::Status BlockingSessions::call(const SendSessionParameterRequest& request,
                                    SendSessionParameterReply& reply) {
  const Result<std::shared_ptr<Session>> session = find(request.session_id());
  if (!session) {
    return session.error();
  }
  const std::lock_guard busy((*session)->busy);
  grpc::Status status = run_parameters(*(*session)->plugin, request, reply, kNeverStopped);
  if (status.ok() && reply.reply_size() < request.parameter_size()) {
    return invalid_argument("Unknown parameter: " + request.parameter(reply.reply_size()).key());
  }
  return status;
}

Result<std::shared_ptr<BlockingSessions::Session>> BlockingSessions::find(std::int64_t id) {
  if (lookup_ == Lookup::kApart) {
    return find_in_table(id);
  }
  const std::lock_guard lock(mutex_);
  return find_in_table(id);
}

Result<std::shared_ptr<BlockingSessions::Session>> BlockingSessions::find_in_table(
    std::int64_t id) {
  const std::lock_guard lock(table_mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    return session_not_found(id);
  }
  return found->second;
}

std::int64_t BlockingSessions::add(std::unique_ptr<CompilationSession> plugin) {
  auto session = std::make_shared<Session>();
  session->plugin = std::move(plugin);
  const std::lock_guard lock(table_mutex_);
  sessions_.emplace(next_id_, std::move(session));
  return next_id_++;
}

}  // namespace compiler_gym

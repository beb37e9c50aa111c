// What each RPC does where every call blocks its thread, as in CompilerGym's own runtime.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "bench/baseline/compiler_host.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// What a request that only looks for its session waits for.
enum class Lookup {
  /// The one mutex, which is held while sessions start.
  kUnderTheMutex,
  /// A second mutex, which is held while the table is read or changed and no longer.
  kApart,
};

/// Sessions of the service's classes, by the service's rules, with CompilerGym's locking: one mutex
/// is held over all of StartSession and ForkSession, construction and init of the session included,
/// over EndSession and over AddBenchmark. Steps run outside of it.
///
/// CompilerGym's Step looks for its session without any lock, which is a data race. There are two
/// ways of mending that, see Lookup.
///
/// Threads: every member may be called from any thread, and blocks it. As the service promises and
///          CompilerGym does not, a session is never in two calls at once.
/// Errors:  those of the service. Of the session parameters of the service itself (`service.*`) there
///          are none here.
/// Source:  CompilerGym 0.2.5, compiler_gym/service/runtime/CompilerGymServiceImpl.h.
class BlockingSessions {
 public:
  BlockingSessions(CompilerHost& host, Lookup lookup) : host_(host), lookup_(lookup) {}

  // One function for each RPC.
  [[nodiscard]] grpc::Status call(const GetVersionRequest& request, GetVersionReply& reply) const;
  [[nodiscard]] grpc::Status call(const GetSpacesRequest& request, GetSpacesReply& reply) const;
  /// The request's program is moved out of it.
  [[nodiscard]] grpc::Status call(StartSessionRequest& request, StartSessionReply& reply);
  [[nodiscard]] grpc::Status call(const ForkSessionRequest& request, ForkSessionReply& reply);
  [[nodiscard]] grpc::Status call(const EndSessionRequest& request, EndSessionReply& reply);
  [[nodiscard]] grpc::Status call(const StepRequest& request, StepReply& reply);
  /// The benchmarks are moved out of the request.
  [[nodiscard]] grpc::Status call(AddBenchmarkRequest& request, AddBenchmarkReply& reply);
  [[nodiscard]] grpc::Status call(const SendSessionParameterRequest& request,
                                  SendSessionParameterReply& reply);

 private:
  struct Session {
    std::mutex busy;  // held by the call that is in it
    std::unique_ptr<CompilationSession> plugin;
  };

  [[nodiscard]] Result<std::shared_ptr<Session>> find(std::int64_t id);
  [[nodiscard]] Result<std::shared_ptr<Session>> find_in_table(std::int64_t id);
  [[nodiscard]] std::int64_t add(std::unique_ptr<CompilationSession> plugin);

  CompilerHost& host_;
  const Lookup lookup_;
  std::mutex mutex_;        // the one
  std::mutex table_mutex_;  // guards what follows; taken after the other
  std::unordered_map<std::int64_t, std::shared_ptr<Session>> sessions_;
  std::int64_t next_id_ = 0;
};

}  // namespace compiler_gym

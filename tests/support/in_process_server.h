// A small synchronous service for tests of clients: real gRPC on real sockets, and no compiler.
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/compiler_gym_service.grpc.pb.h"

namespace compiler_gym::testing {

/// Sessions that count their actions. One action space `counting` of three actions named `a`, `b`,
/// `c` (any other is INVALID_ARGUMENT); observation spaces `count` (int64: actions so far), `uri`
/// (string: of the benchmark) and `Bitcode` (bytes: see set_bitcode()). Session 0 exists like any
/// other, unknown ones are NOT_FOUND.
/// Threads: every member may be called from any thread.
class CountingService final : public CompilerGymService::Service {
 public:
  [[nodiscard]] std::size_t session_count() const;
  [[nodiscard]] int calls(const std::string& method) const;
  [[nodiscard]] std::set<std::string> peers() const;
  /// By all sessions together.
  [[nodiscard]] std::int64_t actions_applied() const;
  /// The actions of each session there has been that had any; forks have those of their own.
  [[nodiscard]] std::vector<std::vector<std::int64_t>> actions_by_session() const;
  [[nodiscard]] std::size_t benchmark_count() const;

  /// From now on every `count`-th Step finds its session gone.
  void lose_session_every(int count);
  /// The next Step that asks for `Bitcode` finds its session gone.
  void lose_session_before_bitcode();

  /// Called when a Step arrives, before anything comes of it. Set while nothing runs.
  void on_step(std::function<void()> callback) { on_step_ = std::move(callback); }

  /// What `Bitcode` is from now on.
  void set_bitcode(std::string bitcode);

  /// The step action whose Step does not answer before its client has given up.
  static constexpr std::int64_t kHang = 1000;

  grpc::Status GetVersion(grpc::ServerContext*, const GetVersionRequest*,
                          GetVersionReply*) override;
  grpc::Status GetSpaces(grpc::ServerContext*, const GetSpacesRequest*, GetSpacesReply*) override;
  grpc::Status StartSession(grpc::ServerContext*, const StartSessionRequest*,
                            StartSessionReply*) override;
  grpc::Status ForkSession(grpc::ServerContext*, const ForkSessionRequest*,
                           ForkSessionReply*) override;
  grpc::Status EndSession(grpc::ServerContext*, const EndSessionRequest*,
                          EndSessionReply*) override;
  grpc::Status Step(grpc::ServerContext*, const StepRequest*, StepReply*) override;
  grpc::Status AddBenchmark(grpc::ServerContext*, const AddBenchmarkRequest*,
                            AddBenchmarkReply*) override;
  grpc::Status SendSessionParameter(grpc::ServerContext*, const SendSessionParameterRequest*,
                                    SendSessionParameterReply*) override;

 private:
  struct Session {
    std::string benchmark_uri;
    std::int64_t actions = 0;
  };

  void note(const char* method, const grpc::ServerContext& rpc_context);

  std::function<void()> on_step_ = [] {};
  mutable std::mutex mutex_;
  std::map<std::string, int> calls_;
  std::set<std::string> peers_;
  std::map<std::string, std::size_t> benchmark_bytes_;
  std::map<std::int64_t, Session> sessions_;
  std::int64_t next_session_id_ = 0;
  std::int64_t actions_applied_ = 0;
  std::map<std::int64_t, std::vector<std::int64_t>> actions_by_session_;
  int lose_every_ = 0;
  bool lose_before_bitcode_ = false;
  int steps_ = 0;
  std::string bitcode_;
};

/// Serves a CountingService on a free TCP port and on a unix socket.
class InProcessServer {
 public:
  InProcessServer();
  InProcessServer(const InProcessServer&) = delete;
  InProcessServer& operator=(const InProcessServer&) = delete;
  ~InProcessServer();

  [[nodiscard]] CountingService& service() { return service_; }
  [[nodiscard]] grpc::Server& server() { return *server_; }
  [[nodiscard]] std::string tcp_target() const;
  [[nodiscard]] std::string unix_target() const;

 private:
  std::string directory_;
  int port_ = 0;
  CountingService service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace compiler_gym::testing

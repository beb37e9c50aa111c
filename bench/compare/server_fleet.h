// The servers that are compared, running.
#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/filesystem/path.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/baseline/baseline_server.h"
#include "bench/baseline/compiler_host.h"
#include "bench/compare/compare_row.h"
#include "bench/compare/peer_load.h"
#include "bench/hosted/hosted_server.h"
#include "client/managed_service.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Where a server is reached, and whose CPU time is counted.
struct Endpoint {
  std::string target{};                      ///< for LoadOptions
  std::shared_ptr<grpc::Channel> channel{};  ///< likewise; in-process only
  pid_t pid = 0;                             ///< this process's own if in-process
};

/// Starts servers when they are first asked for, and keeps them: a server that is only being compared
/// later waits for connections, and does nothing.
///
///   sync, sync-apart, bare   see BaselineKind
///   ours                     the compiler's service, as it is without flags
///   ours-inline              the same with --executor=inline; LLVM sessions are isolated otherwise
///   peer                     CompilerGym's own LLVM service; by TCP only
///
/// Threads:  one at a time.
/// Lifetime: async_stop() must have completed before it is destroyed, or the processes are killed.
class ServerFleet {
 public:
  /// `binaries`: the directory of compiler_gym-baseline and of the services. `peer`: for that server.
  explicit ServerFleet(boost::filesystem::path binaries, std::optional<PeerFiles> peer = {});
  ServerFleet(const ServerFleet&) = delete;
  ServerFleet& operator=(const ServerFleet&) = delete;
  ~ServerFleet();

  /// Errors: why it cannot be started.
  [[nodiscard]] boost::asio::awaitable<Result<Endpoint>> async_get(const CompareRow& row,
                                                                   const std::string& server);

  /// How its process is started, as far as that does not depend on the transport.
  [[nodiscard]] ManagedServiceOptions options_of(const CompareRow& row,
                                                 const std::string& server) const;

  /// Stops the process of a server, which is then started anew when it is asked for. How it ended;
  /// nothing if there is no such process.
  [[nodiscard]] boost::asio::awaitable<std::optional<ProcessExit>> async_discard(
      const CompareRow& row, const std::string& server);

  /// Stops all. The first of the errors if one did not end as it should.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_stop();

 private:
  struct Process {
    std::unique_ptr<ManagedService> service;
    std::string unix_target;
  };
  struct InProcess {
    std::unique_ptr<CompilerHost> host;
    std::unique_ptr<BaselineServer> baseline;  // after the host, which it uses
    std::unique_ptr<HostedServer> ours;
  };

  [[nodiscard]] boost::asio::awaitable<Result<Process>> start_process(std::string key,
                                                                      ManagedServiceOptions options,
                                                                      bool is_peer);
  [[nodiscard]] Result<InProcess> start_in_process(const std::string& compiler,
                                                   const std::string& server);

  const boost::filesystem::path binaries_;
  const std::optional<PeerFiles> peer_;
  const boost::filesystem::path directory_;      // of sockets, and for in-process contexts
  std::map<std::string, Process> processes_;     // by compiler and server
  std::map<std::string, InProcess> in_process_;  // likewise
};

}  // namespace compiler_gym

// Clients that misbehave, processes that die, and a machine that has no more.
#pragma once

#include <sys/types.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>

#include "client/service_client.h"
#include "core/completion_queue_pump.h"
#include "tools/soak/system_call_faults.h"

namespace compiler_gym {

enum class Fault {
  kKilledSandbox,  ///< SIGKILL to one of the service's sandbox processes, if it has any
  kKilledClient,   ///< SIGKILL to a client process in the middle of its requests
  kHalfOpen,       ///< a connection that begins HTTP/2 and then says nothing
  kRandomBytes,    ///< a connection that sends noise and hangs up
  kGivenUp,        ///< a step whose client leaves before the answer, and its session behind
  kBadProgram,     ///< a session on a damaged program
  kFrozenZygote,   ///< SIGSTOP, for a second, to the process that makes the sandbox processes
  kFrozenClient,   ///< SIGSTOP to a client process, until the next time
  kPings,          ///< a connection that sends nothing but pings, a thousand at once
  kGiantMessages,  ///< an EndSession and a Step of 16 MiB
  kNoDescriptors,  ///< the service can open no file and take no connection for a moment; and so on
  kNoProcesses,
  kNoMemory,
  kNoDisk,
};
inline constexpr std::size_t kFaultCount = 14;

[[nodiscard]] std::string_view to_string(Fault fault);

/// What there is to harm.
struct FaultTargets {
  pid_t service = 0;
  std::string target;  ///< `host:port`
  std::uint16_t port = 0;
  boost::filesystem::path load_generator;  ///< compiler_gym-load, the client that is killed
  boost::filesystem::path program_file;
  std::string program;
  /// What the service is short of now and then; if null, of nothing.
  SystemCallFaults* shortages = nullptr;
};

/// Threads:  on a strand, one call at a time.
/// Lifetime: destroying it kills the client it started, and closes its connections.
class FaultInjector {
 public:
  FaultInjector(CompletionQueuePump& pump, FaultTargets targets, std::uint64_t seed);
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;
  ~FaultInjector();

  /// What the service answers is of no interest: the load beside it shows what harm was done.
  [[nodiscard]] boost::asio::awaitable<void> async_inject(Fault fault);
  /// Ends what lasts: the client process, the open connections.
  void leave_alone();
  [[nodiscard]] Fault draw() { return static_cast<Fault>(random_() % kFaultCount); }

  [[nodiscard]] const std::array<std::uint64_t, kFaultCount>& counts() const { return counts_; }

 private:
  [[nodiscard]] bool kill_sandbox();
  void kill_client();
  void start_client();
  [[nodiscard]] bool freeze_client();
  [[nodiscard]] pid_t zygote() const;
  [[nodiscard]] boost::asio::awaitable<bool> freeze_zygote();
  [[nodiscard]] boost::asio::awaitable<void> send_giants();
  [[nodiscard]] boost::asio::awaitable<bool> be_short_of(Shortage shortage);
  [[nodiscard]] boost::asio::awaitable<boost::asio::ip::tcp::socket> send(std::string bytes);
  [[nodiscard]] boost::asio::awaitable<void> give_up_a_step();
  [[nodiscard]] std::string random_bytes(std::size_t count);
  [[nodiscard]] std::string damaged_program();

  CompletionQueuePump& pump_;
  const FaultTargets targets_;
  ServiceClient client_;
  std::mt19937_64 random_;
  std::deque<boost::asio::ip::tcp::socket> half_open_;
  pid_t client_process_ = -1;
  bool client_frozen_ = false;
  std::array<std::uint64_t, kFaultCount> counts_{};
};

}  // namespace compiler_gym

// What the load generator is asked to do, and its command line.
#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client_credentials.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "tools/load/operation_mix.h"

namespace compiler_gym {

struct LoadOptions {
  /// `host:port` or `unix:PATH`.
  std::string target;
  /// Used instead of connecting to `target`, for all connections: an in-process one, say.
  std::shared_ptr<grpc::Channel> channel{};
  ClientCredentials credentials;
  /// Sessions held open.
  int sessions = 64;
  /// Operations under way at one time, at most; 0 is as many as there are sessions.
  int in_flight = 0;
  /// Sessions opened, or ended, at the same time, at most: neither is measured, and a service that is
  /// to be overloaded later should not be so before.
  int opened_together = 16;
  /// Channels, each with a connection of its own. Session i uses channel i modulo their number.
  int connections = 1;
  /// Whether steps go through a stream, one for each channel, rather than being calls of their own.
  /// They have no timeout then.
  bool stream = false;

  /// Operations per second, arriving at random (open loop). Without it every operation is followed by
  /// the next at once (closed loop).
  std::optional<double> rate;
  /// How long to measure. None: until `operations` have been done.
  std::optional<std::chrono::nanoseconds> duration = std::chrono::seconds(10);
  /// How many operations to measure, at most.
  std::optional<std::uint64_t> operations;
  /// Load before measuring begins.
  std::chrono::nanoseconds warmup = std::chrono::seconds(1);
  OperationMix mix;

  /// In each Step, drawn at random from the action space: for a session in the n-th place the same ones
  /// at every run with the same seed, however long others take.
  int actions_per_step = 1;
  /// By name; never drawn.
  std::vector<std::string> avoided_actions;
  /// Steps after which a session is ended and another started in its place; 0 is never.
  int episode = 0;
  /// Steps that a session makes as soon as it has been started, with actions alone. Not measured.
  int warm_steps = 0;
  /// Whether each session is on a benchmark of its own, which comes with its StartSession: a copy of one
  /// of those below under a URI that the service has not seen. Only with those that are sent.
  bool cold = false;
  /// By name; empty: the first.
  std::string action_space;
  /// By name; computed by each Step.
  std::vector<std::string> observation_spaces;
  /// Files whose contents are sent as programs, for the sessions in turn.
  std::vector<boost::filesystem::path> benchmark_files;
  /// How these are built and run, sent with them; nothing of it if they are not to be.
  BenchmarkDynamicConfig dynamic_config;
  /// URIs that the service knows already.
  std::vector<std::string> benchmark_uris;

  /// Per call, as the Python client has it.
  std::chrono::milliseconds timeout = std::chrono::seconds(300);
  std::uint64_t seed = 1;
  /// The server's process, to measure what it uses, and of CPU time what its descendants use.
  std::optional<pid_t> server_pid;

  [[nodiscard]] int effective_in_flight() const { return in_flight > 0 ? in_flight : sessions; }
};

/// What `compiler_gym-load` is asked to do.
struct LoadCommand {
  LoadOptions load;
  /// A service to start instead of using `load.target`, and its arguments.
  boost::filesystem::path serve;
  std::vector<std::string> serve_arguments;
  /// Whether sessions are checked before they end.
  bool validate = false;
  /// Where the result goes as JSON; `-` is stdout, instead of the text.
  std::string json;
  /// Not to run, but to print this text.
  std::string help;
};

/// Errors: INVALID_ARGUMENT that names the flag, the value and what is allowed.
[[nodiscard]] Result<LoadCommand> parse_load_command(int argc, const char* const* argv);

}  // namespace compiler_gym

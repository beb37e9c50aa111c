#include "tools/load/load_options.h"

#include <limits>
#include <utility>

#include "tools/support/flag_parser.h"

namespace compiler_gym {
namespace {

constexpr const char* kSynopsis =
    "Usage: compiler_gym-load (--target ADDRESS | --serve BINARY) [flags]\n\n"
    "Puts load on a compiler service and reports rates, latencies and errors by RPC. Closed loop: "
    "each\n"
    "operation is followed by the next. Open loop (--rate): operations arrive at random times, and "
    "their\n"
    "latency counts from the time of arrival, whether or not the generator was free to send "
    "them.\n\n"
    "  compiler_gym-load --serve ./compiler_gym-example-service --sessions 64 --observation ir\n"
    "  compiler_gym-load --target localhost:4242 --rate 500 --benchmark sort.bc --mix "
    "step=98,fork=2";

FlagParser describe() {
  FlagParser flags(kSynopsis);
  flags.add_heading("Server");
  flags.add("target", "ADDRESS", "host:port or unix:PATH of a running service");
  flags.add("serve", "BINARY", "start this service, and stop it at the end");
  flags.add("serve_argument", "TEXT", "argument for it; may be given several times");
  flags.add("pid", "N", "process of the service, to report its CPU time and memory");
  flags.add("tls_ca", "FILE", "speak TLS to a service that these certificates (PEM) vouch for");
  flags.add("tls_cert", "FILE", "show this certificate (PEM) to a service that wants one");
  flags.add("tls_key", "FILE", "its key (PEM)");
  flags.add("token_file", "FILE", "send the token in this file with every call");
  flags.add("connections", "N (=1)", "connections; sessions are spread over them");
  flags.add_switch(
      "stream",
      "send steps through one stream of compiler_gym.CompilerGymStream per connection, "
      "instead of as calls of their own");

  flags.add_heading("Load");
  flags.add("sessions", "N (=64)", "sessions held open");
  flags.add("in_flight", "N (=sessions)", "operations under way at one time, at most");
  flags.add("rate", "N", "operations per second, as a Poisson process (default: closed loop)");
  flags.add(
      "mix", "WEIGHTS (=step=1)",
      "what operations are, by weight: step, start (StartSession, EndSession of the old one), fork "
      "(ForkSession, EndSession of the parent), end (EndSession, StartSession), version "
      "(GetVersion)");
  flags.add("seconds", "N (=10)", "how long to measure");
  flags.add("operations", "N",
            "measure so many operations (and no longer than --seconds, if given)");
  flags.add("warmup_seconds", "N (=1)", "load before measuring begins");
  flags.add("timeout_seconds", "N (=300)", "of each call");
  flags.add("seed", "N (=1)", "of everything that is drawn at random");

  flags.add_heading("Requests");
  flags.add("benchmark", "FILE",
            "program to send, e.g. bitcode; several are used in turn (default: a few "
            "bytes, for services that do not read them)");
  flags.add("benchmark_uri", "URI",
            "benchmark that the service knows already, instead of --benchmark");
  flags.add_switch("cold",
                   "start each session on a copy of the program under a URI of its own, which "
                   "comes with StartSession, so that nothing is known of it");
  flags.add("actions_per_step", "N (=1)",
            "actions in each Step, drawn at random; 0 only asks for the observations");
  flags.add("avoid_action", "NAME", "action that is never drawn; may be given several times");
  flags.add("episode", "N", "steps after which a session is ended and another started");
  flags.add("warm_steps", "N (=0)",
            "steps that each session makes as soon as it has been started, not measured");
  flags.add("action_space", "NAME", "action space, by name (default: the first)");
  flags.add("observation", "NAME",
            "observation space to compute in each Step; may be given several times");

  flags.add_heading("Validation");
  flags.add_switch(
      "validate",
      "before a session ends, build and run its program as it was and as it is now, and "
      "compare; exit with status 3 if any is not validated. Takes its share of the "
      "machine: rates are lower than without");
  flags.add("build_command", "TEXT (=$CC $IN -o program -lm)",
            "builds the file `program` of the bitcode $IN");
  flags.add("run_command", "TEXT (=./program)", "runs it");
  flags.add("run_timeout_seconds", "N (=60)", "of each run");

  flags.add_heading("Output");
  flags.add("json", "FILE", "write the result as JSON; `-` is stdout, instead of the text");
  flags.add_switch("help", "print this and exit");
  return flags;
}

std::chrono::nanoseconds to_nanoseconds(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

void read_times(FlagParser& flags, LoadOptions& load) {
  constexpr double kDay = 86'400;
  double seconds = 10;
  flags.read("seconds", seconds, 0.001, kDay);
  load.duration = to_nanoseconds(seconds);
  double warmup = 1;
  flags.read("warmup_seconds", warmup, 0.0, kDay);
  load.warmup = to_nanoseconds(warmup);
  double timeout = 300;
  flags.read("timeout_seconds", timeout, 0.001, kDay);
  load.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(to_nanoseconds(timeout));
  if (flags.has("rate")) {
    double rate = 0;
    flags.read("rate", rate, 0.001, 1e6);
    load.rate = rate;
  }
  if (flags.has("operations")) {
    std::uint64_t operations = 0;
    flags.read("operations", operations, std::uint64_t{1}, std::uint64_t{1'000'000'000});
    load.operations = operations;
    if (!flags.has("seconds")) {
      load.duration.reset();
    }
  }
}

void read_counts(FlagParser& flags, LoadOptions& load) {
  constexpr int kMaxSessions = 1'000'000;
  flags.read("sessions", load.sessions, 1, kMaxSessions);
  flags.read("in_flight", load.in_flight, 1, kMaxSessions);
  flags.read("connections", load.connections, 1, 1024);
  constexpr int kMaxSteps = 1'000'000;
  flags.read("actions_per_step", load.actions_per_step, 0, 10'000);
  flags.read("episode", load.episode, 1, kMaxSteps);
  flags.read("warm_steps", load.warm_steps, 0, kMaxSteps);
  flags.read("seed", load.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
  if (flags.has("mix")) {
    const Result<OperationMix> mix = OperationMix::parse(flags.text("mix"));
    if (mix) {
      load.mix = *mix;
    } else {
      flags.fail("flag 'mix': " + mix.error().error_message());
    }
  }
  if (load.in_flight > load.sessions && load.mix.uses_sessions()) {
    flags.fail("flag 'in_flight': '" + std::to_string(load.in_flight) +
               "' is more than there are sessions (" + std::to_string(load.sessions) +
               "), and a session has one operation at a time");
  }
}

void read_requests(FlagParser& flags, LoadOptions& load) {
  load.stream = flags.has("stream");
  load.action_space = flags.text("action_space");
  load.avoided_actions = flags.texts("avoid_action");
  load.observation_spaces = flags.texts("observation");
  for (const std::string& file : flags.texts("benchmark")) {
    load.benchmark_files.emplace_back(file);
  }
  load.benchmark_uris = flags.texts("benchmark_uri");
  load.cold = flags.has("cold");
  if (load.cold && flags.has("benchmark_uri")) {
    flags.fail(
        "flag 'cold' sends programs, and those of flag 'benchmark_uri' are the service's own");
  }
}

void read_server(FlagParser& flags, LoadCommand& command) {
  command.load.target = flags.text("target");
  command.serve = flags.text("serve");
  command.serve_arguments = flags.texts("serve_argument");
  const Result<ClientCredentials> credentials =
      read_client_credentials({.tls_ca = flags.text("tls_ca"),
                               .tls_certificate = flags.text("tls_cert"),
                               .tls_key = flags.text("tls_key"),
                               .token = flags.text("token_file")});
  if (credentials) {
    command.load.credentials = *credentials;
  } else {
    flags.fail(credentials.error().error_message());
  }
  if (flags.has("target") == flags.has("serve")) {
    flags.fail("one of the flags 'target' and 'serve' is needed, and not both");
  }
  if (flags.has("pid")) {
    pid_t pid = 0;
    flags.read("pid", pid, 1, std::numeric_limits<pid_t>::max());
    command.load.server_pid = pid;
  }
  if (flags.has("serve") && flags.has("pid")) {
    flags.fail("flag 'pid' is for --target; the process of --serve is known");
  }
  if (!flags.has("serve") && flags.has("serve_argument")) {
    flags.fail("flag 'serve_argument' is for --serve");
  }
}

Command shell_command(std::string line, int timeout_seconds) {
  Command command;
  command.add_argument(std::move(line));
  command.set_timeout_seconds(timeout_seconds);
  return command;
}

void read_validation(FlagParser& flags, LoadCommand& command) {
  command.validate = flags.has("validate");
  for (const char* of_validation : {"build_command", "run_command", "run_timeout_seconds"}) {
    if (!command.validate && flags.has(of_validation)) {
      flags.fail("flag '" + std::string(of_validation) + "' is for --validate");
    }
  }
  if (!command.validate) {
    return;
  }
  if (command.load.benchmark_files.empty()) {
    flags.fail("flag 'validate' needs a program to compare with: flag 'benchmark'");
  }
  constexpr int kBuildTimeout = 60;
  int run_timeout = 60;
  flags.read("run_timeout_seconds", run_timeout, 1, 86'400);
  BenchmarkDynamicConfig& config = command.load.dynamic_config;
  *config.mutable_build_cmd() =
      shell_command(flags.text("build_command", "$CC $IN -o program -lm"), kBuildTimeout);
  config.mutable_build_cmd()->add_outfile("program");
  *config.mutable_run_cmd() = shell_command(flags.text("run_command", "./program"), run_timeout);
}

}  // namespace

Result<LoadCommand> parse_load_command(int argc, const char* const* argv) {
  FlagParser flags = describe();
  flags.parse(argc, argv);
  LoadCommand command;
  if (flags.has("help")) {
    command.help = flags.help();
    return command;
  }
  read_server(flags, command);
  read_times(flags, command.load);
  read_counts(flags, command.load);
  read_requests(flags, command.load);
  read_validation(flags, command);
  command.json = flags.text("json");
  if (!flags.status().ok()) {
    return flags.status();
  }
  return command;
}

}  // namespace compiler_gym

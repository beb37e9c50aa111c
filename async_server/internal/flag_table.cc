#include "async_server/internal/flag_table.h"

#include <fmt/core.h>
#include <sched.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "async_server/internal/byte_size.h"
#include "async_server/internal/flag_builders.h"
#include "async_server/internal/listen_address.h"
#include "async_server/memory_budget.h"

namespace compiler_gym::internal {
namespace {

using std::chrono::seconds;
using enum FlagGroup;

constexpr std::size_t kMaxCount = 1'000'000;
constexpr int kMaxInt = std::numeric_limits<int>::max();

// ---------------------------------------------------------------- what needs more than a place to go

grpc::Status store_port(const FlagValues& values, ServiceCommand& command) {
  constexpr int kMaxPort = 65'535;
  int port = 0;
  grpc::Status status = values.read(port, 0, kMaxPort);
  if (status.ok()) {
    auto& addresses = command.server.listen;
    addresses.insert(addresses.begin(), fmt::format("localhost:{}", port));
  }
  return status;
}

grpc::Status store_listen(const FlagValues& values, ServiceCommand& command) {
  for (const std::string& address : values.texts()) {
    if (const auto parsed = parse_listen_address(address); !parsed) {
      return values.error(parsed.error().error_message());
    }
    command.server.listen.push_back(address);
  }
  return grpc::Status::OK;
}

grpc::Status store_unix_socket_mode(const FlagValues& values, ServiceCommand& command) {
  return values.read_mode(command.server.access.unix_socket_mode);
}

grpc::Status store_benchmark_roots(const FlagValues& values, ServiceCommand& command) {
  Result<BenchmarkRoots> roots =
      BenchmarkRoots::resolve({values.texts().begin(), values.texts().end()});
  if (!roots) {
    return values.error(roots.error().error_message());
  }
  command.server.context.benchmark_roots = *std::move(roots);
  return grpc::Status::OK;
}

grpc::Status store_measurement_processor(const FlagValues& values, ServiceCommand& command) {
  return values.read(command.server.context.measurement_processor.emplace(0), 0, CPU_SETSIZE - 1);
}

grpc::Status store_memory_budget(const FlagValues& values, ServiceCommand& command) {
  std::uint64_t budget = 0;
  if (grpc::Status status = values.read_bytes(budget, 0, flags::kMaxBytes); !status.ok()) {
    return status;
  }
  if (budget < kMinMemoryBudget) {
    return values.error(fmt::format("'{}' is too little: a service needs {} at least",
                                    values.text(), format_bytes(kMinMemoryBudget)));
  }
  apply_memory_budget(budget, command);
  return grpc::Status::OK;
}

grpc::Status store_executor(const FlagValues& values, ServiceCommand& command) {
  bool isolated = false;
  grpc::Status status = values.choose("isolated", "inline", isolated);
  if (status.ok()) {
    command.executor = isolated ? ExecutorKind::kIsolated : ExecutorKind::kInline;
  }
  return status;
}

grpc::Status store_allowed_executors(const FlagValues& values, ServiceCommand& command) {
  SessionServiceOptions& sessions = command.server.sessions;
  const std::string& text = values.text();
  sessions.allow_inline =
      text == "inline" || text == "inline,isolated" || text == "isolated,inline";
  sessions.allow_isolated = text == "isolated" || (sessions.allow_inline && text != "inline");
  return sessions.allow_inline || sessions.allow_isolated
             ? grpc::Status::OK
             : values.error(
                   fmt::format("'{}' is none of inline, isolated and inline,isolated", text));
}

grpc::Status store_step_timeout(const FlagValues& values, ServiceCommand& command) {
  int given = 0;
  grpc::Status status = values.read(given, 0, flags::kMaxSeconds);
  if (status.ok()) {
    command.server.isolation.timeouts.request_timeout = seconds(given);
    command.server.sessions.request_timeout = seconds(given);
  }
  return status;
}

// Less than the program's own code takes is a mistake: a number of megabytes without its suffix.
grpc::Status store_sandbox_memory(const FlagValues& values, ServiceCommand& command) {
  constexpr std::uint64_t kMin = std::uint64_t{64} << 20;
  std::uint64_t given = 0;
  if (grpc::Status status = values.read_bytes(given, 0, flags::kMaxBytes); !status.ok()) {
    return status;
  }
  if (given != 0 && given < kMin) {
    return values.error(
        fmt::format("'{}' is too little: a process needs {} at least, 0 is no limit", values.text(),
                    format_bytes(kMin)));
  }
  command.sandbox_limits.memory_in_bytes = given;
  return grpc::Status::OK;
}

grpc::Status store_sandbox(const FlagValues& values, ServiceCommand& command) {
  const std::string& mode = values.text();
  if (mode == "auto") {
    command.sandbox = SandboxMode::kAuto;
  } else if (mode == "off") {
    command.sandbox = SandboxMode::kOff;
  } else if (mode == "required") {
    command.sandbox = SandboxMode::kRequired;
  } else {
    return values.error(fmt::format("'{}' is none of auto, off, required", mode));
  }
  return grpc::Status::OK;
}

// Found now: a directory that is missing is a mistake, and one that is a link is what it links to.
grpc::Status store_sandbox_read(const FlagValues& values, ServiceCommand& command) {
  const Result<BenchmarkRoots> directories =
      BenchmarkRoots::resolve({values.texts().begin(), values.texts().end()});
  if (!directories) {
    return values.error(directories.error().error_message());
  }
  command.sandbox_read = directories->directories();
  return grpc::Status::OK;
}

grpc::Status store_recover(const FlagValues& values, ServiceCommand& command) {
  return values.choose("replay", "none", command.server.isolation.recover);
}

grpc::Status store_recycle(const FlagValues& values, ServiceCommand& command) {
  return values.choose("auto", "never", command.server.isolation.recycle.enabled);
}

grpc::Status store_owner_pid(const FlagValues& values, ServiceCommand& command) {
  return values.read(command.owner_pid.emplace(0), 1, kMaxInt);
}

grpc::Status store_logbuflevel(const FlagValues& values, ServiceCommand& command) {
  int level = 0;
  grpc::Status status = values.read(level, -kMaxInt, kMaxInt);
  command.log_every_line = level < 0;
  return status;
}

// ---------------------------------------------------------------------------------------- the table

std::vector<Flag> make_flags() {
  const ServiceCommand untouched;
  const auto step_timeout =
      std::chrono::duration_cast<seconds>(untouched.server.sessions.request_timeout).count();
  constexpr std::size_t kMaxProcesses = 10'000;
  return {
      flags::custom(
          "working_dir", "PATH", "a new one under the temporary directory, removed at the end",
          "directory for port.txt, pid.txt, logs/ and the compiler's files; made if it does not "
          "exist",
          kCommon,
          [](const FlagValues& values, ServiceCommand& command) {
            return values.read(command.working_directory);
          }),
      flags::custom("port", "N", "0", "TCP port on the loopback interface; 0 is any free one",
                    kCommon, store_port),
      flags::repeatable(flags::custom("listen", "ADDRESS", {},
                                      "host:port or unix:PATH instead of the loopback interface",
                                      kCommon, store_listen)),
      flags::custom("unix_socket_mode", "MODE", "600",
                    "permissions of unix sockets, as chmod writes them", kAdvanced,
                    store_unix_socket_mode),
      flags::file("tls_cert", kCommon, "PEM file with the certificate for TLS on TCP addresses",
                  [](auto& c) -> auto& { return c.server.access.tls_certificate; }),
      flags::file("tls_key", kCommon, "PEM file with its key",
                  [](auto& c) -> auto& { return c.server.access.tls_key; }),
      flags::file("tls_client_ca", kAdvanced,
                  "PEM file: clients need a certificate that one of these has signed",
                  [](auto& c) -> auto& { return c.server.access.tls_client_ca; }),
      flags::file(
          "token_file", kCommon,
          "file with a token that every call must carry, as 'authorization: Bearer <token>'",
          [](auto& c) -> auto& { return c.server.access.token_file; }),
      flags::boolean("insecure", kAdvanced,
                     "listen where other machines can connect without TLS and without a token",
                     [](auto& c) -> auto& { return c.server.access.insecure; }),
      flags::repeatable(
          flags::custom("benchmark_root", "DIR", "anywhere",
                        "directory that file:/// benchmarks may lie in, symbolic links followed",
                        kCommon, store_benchmark_roots)),
      flags::boolean("allow_assembler_files", kAdvanced,
                     "take benchmarks whose assembler code reads files (.incbin, .include) of this "
                     "machine",
                     [](auto& c) -> auto& { return c.server.context.allow_assembler_files; }),
      flags::boolean("all_observations", kCommon,
                     "list the compiler's observation spaces that CompilerGym does not have too, "
                     "after its own",
                     [](auto& c) -> auto& { return c.server.context.all_observations; }),
      flags::custom(
          "measurement_processor", "N", "none",
          "processor that nothing else of the service runs on, for programs whose run time "
          "is measured (RuntimeMeasurement)",
          kAdvanced, store_measurement_processor),
      flags::standing_for(
          "one per processor, at least 2",
          flags::number("workers", kCommon,
                        "threads for steps, and as many for starting and destroying sessions",
                        std::size_t{1}, std::size_t{1024},
                        [](auto& c) -> auto& { return c.server.workers; })),
      flags::custom(
          "memory_budget", "BYTES", "half of the memory of the machine or of its control group",
          "bytes that the service may use, as 512M or 8G; the other bounds in bytes derive from it "
          "unless they are given",
          kCommon, store_memory_budget),
      flags::custom(
          "executor", "WHERE", "the compiler's: LLVM isolated, others inline",
          "inline: sessions run in the service; isolated: each in a sandbox process of its own",
          kCommon, store_executor),
      flags::custom("allow_executors", "LIST", "inline,isolated",
                    "where clients may have their sessions run by the parameter service.executor: "
                    "one of them, "
                    "or both; an inline session can take the service with it",
                    kAdvanced, store_allowed_executors),
      flags::custom(
          "step_timeout", "SECONDS", std::to_string(step_timeout),
          "time for one request, DEADLINE_EXCEEDED beyond: an inline session heeds it between "
          "actions, an isolated one's process is killed if it does not; 0 is no limit",
          kCommon, store_step_timeout),
      flags::number("max_sessions", kAdvanced,
                    "sessions open at one time; RESOURCE_EXHAUSTED beyond", std::size_t{1},
                    kMaxCount, [](auto& c) -> auto& { return c.server.sessions.max_sessions; }),
      flags::number("max_queued_steps", kAdvanced,
                    "requests waiting for their turn in one session; RESOURCE_EXHAUSTED beyond",
                    std::size_t{1}, kMaxCount,
                    [](auto& c) -> auto& { return c.server.sessions.max_queued_steps; }),
      flags::number(
          "max_requests_in_flight", kAdvanced,
          "requests not answered yet, of all sessions; RESOURCE_EXHAUSTED beyond. StartSession "
          "and AddBenchmark may take half; GetVersion, GetSpaces and EndSession are always "
          "answered",
          std::size_t{1}, kMaxCount,
          [](auto& c) -> auto& { return c.server.max_requests_in_flight; }),
      flags::bytes(
          "max_bytes_in_flight",
          "bytes of these requests; RESOURCE_EXHAUSTED beyond, before a request is parsed. "
          "StartSession and AddBenchmark may take half",
          1, [](auto& c) -> auto& { return c.server.max_bytes_in_flight; }),
      flags::custom("max_message_size", "BYTES", "0: protobuf's, 2 GiB",
                    "bytes of one request; RESOURCE_EXHAUSTED beyond", kAdvanced,
                    [](const FlagValues& values, ServiceCommand& command) {
                      return values.read_bytes(command.server.max_message_size, 0,
                                               flags::kMaxBytes);
                    }),
      flags::bytes(
          "max_unread_bytes",
          "bytes of replies that clients have not read yet; beyond it the calls that have waited "
          "longest are cancelled",
          1, [](auto& c) -> auto& { return c.server.max_unread_bytes; }),
      flags::bytes("max_reply_size",
                   "bytes of one reply; RESOURCE_EXHAUSTED beyond, and the session lives on", 1,
                   [](auto& c) -> auto& { return c.server.sessions.max_reply_bytes; }),
      flags::bytes("max_grpc_memory",
                   "bytes for connections and messages on their way, about; 0 is no limit", 0,
                   [](auto& c) -> auto& { return c.server.max_grpc_memory; }),
      flags::bytes(
          "max_benchmark_cache_bytes",
          "bytes of benchmarks that are kept, and as many of what the compiler keeps of them; "
          "clients may lower the first, not raise it",
          0, [](auto& c) -> auto& { return c.server.context.max_benchmark_cache_bytes; }),
      flags::custom(
          "sandbox", "HOW", "auto",
          "what the processes of isolated sessions, and the commands that they run, may reach: "
          "auto: "
          "no network, and no files but those that --benchmark_root says and their own, where the "
          "kernel can keep them from it; required: do not start where it can't; off: all that the "
          "service can",
          kAdvanced, store_sandbox),
      flags::repeatable(flags::custom(
          "sandbox_read", "DIR", "",
          "directory that these processes may read beside those of --benchmark_root, for data and "
          "programs of benchmarks' commands",
          kAdvanced, store_sandbox_read)),
      flags::bytes("state_graph_bytes",
                   "bytes of what sessions have computed, so that no other session computes it "
                   "again; 0 turns "
                   "that off",
                   0, [](auto& c) -> auto& { return c.server.context.state_graph_bytes; }),
      flags::custom(
          "max_executor_bytes", "BYTES", "as much as --memory_budget",
          "bytes, about, that the compilers of open sessions may take, with their processes: "
          "beyond it those used longest ago end, and their sessions get another one when they "
          "need it",
          kAdvanced,
          [](const FlagValues& values, ServiceCommand& command) {
            return values.read_bytes(command.server.sessions.max_executor_bytes, 1,
                                     flags::kMaxBytes);
          }),
      flags::custom("sandbox_memory", "BYTES",
                    fmt::format("from --memory_budget, {} at most",
                                format_bytes(untouched.sandbox_limits.memory_in_bytes)),
                    "bytes of address space for the process of an isolated session; 0 is no limit",
                    kAdvanced, store_sandbox_memory),
      flags::duration("sandbox_cpu", kAdvanced,
                      "processor time for the process of an isolated session; 0 is no limit",
                      [](auto& c) -> auto& { return c.sandbox_limits.cpu_time; }),
      flags::custom(
          "recover", "HOW", "replay",
          "replay: an isolated session whose process died goes on in a new one, from its last good "
          "state; none: it is lost",
          kAdvanced, store_recover),
      flags::custom(
          "recycle", "HOW", "auto",
          "auto: the process of an isolated session that has ended serves the next one on the same "
          "benchmark, if the compiler allows that; never: each session has a process of its own",
          kAdvanced, store_recycle),
      flags::standing_for(
          fmt::format("{} for each of --workers, and {} more",
                      isolated::IsolationOptions::kRunningForEachWorker,
                      isolated::IsolationOptions::kRunningBesides),
          flags::number("max_running", kAdvanced, "isolated sessions at work at one time",
                        std::size_t{1}, kMaxProcesses,
                        [](auto& c) -> auto& { return c.server.isolation.max_running; })),
      flags::standing_for(
          fmt::format("from --memory_budget, {} at most", untouched.server.isolation.max_templates),
          flags::number(
              "max_templates", kAdvanced,
              "benchmarks kept loaded for isolated sessions to start on, each in a process of "
              "its own",
              std::size_t{1}, kMaxProcesses,
              [](auto& c) -> auto& { return c.server.isolation.max_templates; })),
      flags::duration(
          "drain_grace", kCommon,
          "time for running requests after SIGTERM or SIGINT; a second signal cancels them at "
          "once",
          [](auto& c) -> auto& { return c.server.drain_grace; }),
      flags::duration("session_ttl", kAdvanced,
                      "time after which an idle session is ended; 0 is never",
                      [](auto& c) -> auto& { return c.server.session_ttl; }),
      flags::custom("owner_pid", "PID", {},
                    "end as after SIGTERM when this process has ended, also after kill -9",
                    kAdvanced, store_owner_pid),
      flags::boolean("alsologtostderr", kAdvanced, "log to stderr as well as to logs/",
                     [](auto& c) -> auto& { return c.log_to_stderr; }),
      flags::number("v", kAdvanced, "verbosity of the log; from 1 on every request is logged",
                    -kMaxInt, kMaxInt, [](auto& c) -> auto& { return c.verbosity; }),
      flags::custom("logbuflevel", "N", "0", "-1 writes every line of the log at once", kAdvanced,
                    store_logbuflevel),
      flags::action("help", "print these flags and exit"),
      flags::action("help-all", "print all flags and exit"),
      flags::action("version", "print the version and exit"),
      flags::hidden("help-man", "print the manual's page, in roff, and exit"),
      flags::hidden("help-markdown", "print docs/flags.md and exit"),
  };
}

}  // namespace

const std::vector<Flag>& service_flags() {
  static const std::vector<Flag> kFlags = make_flags();
  return kFlags;
}

}  // namespace compiler_gym::internal

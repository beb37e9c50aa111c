#include "async_server/command_line.h"

#include <fmt/core.h>

#include <boost/program_options.hpp>
#include <charconv>
#include <limits>
#include <sstream>
#include <vector>

#include "async_server/internal/listen_address.h"
#include "async_server/version.h"

namespace compiler_gym {
namespace {

namespace po = boost::program_options;
using Text = std::vector<std::string>;

// Values stay text until read(), so that every error names the flag, the value and the limits in
// one form.
po::options_description describe(const ServerOptions& defaults) {
  po::options_description flags("Flags");
  const auto value = [] { return po::value<Text>()->composing(); };
  const auto file = [&] { return value()->value_name("FILE"); };
  const auto boolean = [&] {
    return value()->implicit_value({"true"}, "true")->value_name("BOOL");
  };
  const auto number = [&](auto standard) {
    return po::value<Text>()->composing()->value_name(fmt::format("N (={})", standard));
  };
  auto add = flags.add_options();
  add("working_dir", value()->value_name("PATH"),
      "where port.txt, pid.txt, logs/ and the compiler's files go; made if it does not exist "
      "(default: a new directory under the temporary directory, removed at the end)");
  add("port", number(0), "TCP port on the loopback interface; 0 is any free one");
  add("listen", value()->value_name("ADDRESS"),
      "host:port or unix:PATH instead of the loopback interface; may be given several times");
  add("unix_socket_mode", number("600"), "permissions of unix sockets, as chmod writes them");
  add("tls_cert", file(), "PEM file with the certificate for TLS on TCP addresses");
  add("tls_key", file(), "PEM file with its key");
  add("tls_client_ca", file(), "PEM file: clients need a certificate signed by one of these");
  add("token_file", file(),
      "file with a token that every call must carry, as 'authorization: Bearer <token>'");
  add("insecure", boolean(),
      "listen where other machines can connect without TLS and without a token");
  add("benchmark_root", value()->value_name("DIR"),
      "directory that file:/// benchmarks may lie in; may be given several times (default: "
      "anywhere)");
  add("workers", number("processors"),
      "threads for steps, and as many for starting and destroying sessions");
  add("max_sessions", number(defaults.sessions.max_sessions), "open sessions at one time");
  add("max_queued_steps", number(defaults.sessions.max_queued_steps),
      "requests waiting for their turn in one session");
  add("max_requests_in_flight", number(defaults.max_requests_in_flight),
      "requests that are not answered yet, of all sessions; starting sessions may take half");
  add("max_bytes_in_flight", number(defaults.max_bytes_in_flight),
      "bytes of these requests; starting sessions may take half");
  add("max_unread_bytes", number(defaults.max_unread_bytes),
      "bytes of replies that clients have not read yet; beyond it, the slowest readers' calls are "
      "cancelled");
  add("max_message_size", number(0), "bytes of one request; 0 is what protobuf can take, 2 GiB");
  add("max_grpc_memory", number(defaults.max_grpc_memory),
      "bytes for connections and messages on their way, about; 0 is no limit");
  add("max_benchmark_cache_bytes", number(defaults.context.max_benchmark_cache_bytes),
      "bytes of benchmarks that are kept, and as many of what the compiler keeps of them");
  add("executor", value()->value_name("WHERE"),
      "inline: sessions run in the service; isolated: each in a process of its own (default: the "
      "service's)");
  add("step_timeout", number(defaults.isolation.times.request_timeout.count() / 1000),
      "seconds that one request may take; 0 is no limit");
  add("recover", value()->value_name("HOW"),
      "replay: an isolated session whose process died goes on in a new one, from its last good "
      "state; none: it is lost (default: replay)");
  add("worker_memory", number(isolated::WorkerLimits().memory_in_bytes >> 20),
      "MiB of address space for the process of an isolated session; 0 is no limit");
  add("worker_cpu", number(0),
      "seconds of processor time for the process of an isolated session; 0 is no limit");
  add("max_running", value()->value_name("N"),
      "isolated sessions at work at one time (default: half as many again as --workers, and three "
      "more)");
  add("max_templates", number(defaults.isolation.max_templates),
      "benchmarks kept loaded for isolated sessions to start on, each in a process of its own");
  add("drain_grace", number(defaults.drain_grace.count() / 1000),
      "seconds that running requests are given after SIGTERM or SIGINT; a second signal cancels "
      "them at once");
  add("session_ttl", number(0), "seconds after which an idle session is ended; 0 is never");
  add("owner_pid", value()->value_name("PID"),
      "end as after SIGTERM when this process has ended, also after kill -9");
  add("alsologtostderr", boolean(), "log to stderr as well as to logs/");
  add("v", number(0), "verbosity of the log; from 1 on every request is logged");
  add("logbuflevel", number(0), "-1 writes every line of the log at once");
  add("help", "print this and exit");
  add("version", "print the version and exit");
  return flags;
}

class Reader {
 public:
  explicit Reader(const po::variables_map& given) : given_(given) {}

  [[nodiscard]] bool has(const char* flag) const { return given_.count(flag) > 0; }
  [[nodiscard]] const Text& texts(const char* flag) const { return given_[flag].as<Text>(); }
  /// Of a flag given several times the last one counts.
  [[nodiscard]] const std::string& text(const char* flag) const { return texts(flag).back(); }

  /// Leaves `number` as it is if the flag is not given. Remembers the first error.
  template <typename Number>
  void read(const char* flag, Number& number, Number min, Number max) {
    if (!has(flag)) {
      return;
    }
    const std::string& given = text(flag);
    Number parsed{};
    const char* const end = given.data() + given.size();
    const auto [parsed_to, error] = std::from_chars(given.data(), end, parsed);
    if (error != std::errc() || parsed_to != end || parsed < min || parsed > max) {
      fail(fmt::format("flag '{}': '{}' is not a number from {} to {}", flag, given, min, max));
      return;
    }
    number = parsed;
  }

  void read(const char* flag, bool& value) {
    if (!has(flag)) {
      return;
    }
    const std::string& given = text(flag);
    if (given == "true" || given == "1") {
      value = true;
    } else if (given == "false" || given == "0") {
      value = false;
    } else {
      fail(fmt::format("flag '{}': '{}' is not one of true, false, 1, 0", flag, given));
    }
  }

  /// As chmod takes it.
  void read_mode(const char* flag, unsigned& mode) {
    if (!has(flag)) {
      return;
    }
    const std::string& given = text(flag);
    const char* const end = given.data() + given.size();
    unsigned parsed = 0;
    const auto [parsed_to, error] = std::from_chars(given.data(), end, parsed, 8);
    if (error != std::errc() || parsed_to != end || parsed > 0777) {
      fail(fmt::format("flag '{}': '{}' is not an octal number from 0 to 777", flag, given));
      return;
    }
    mode = parsed;
  }

  void read(const char* flag, boost::filesystem::path& path) {
    if (!has(flag)) {
      return;
    }
    path = text(flag);
    if (path.empty()) {
      fail(fmt::format("flag '{}': the path is empty", flag));
    }
  }

  /// Sets `chosen` to whether the value is the first of two words. Returns whether it is either.
  bool choose(const char* flag, const char* first, const char* second, bool& chosen) {
    if (!has(flag)) {
      return false;
    }
    const std::string& given = text(flag);
    if (given != first && given != second) {
      fail(fmt::format("flag '{}': '{}' is not one of {}, {}", flag, given, first, second));
      return false;
    }
    chosen = given == first;
    return true;
  }

  void fail(const std::string& message) {
    if (status_.ok()) {
      status_ = invalid_argument(message);
    }
  }
  [[nodiscard]] const grpc::Status& status() const { return status_; }

 private:
  const po::variables_map& given_;
  grpc::Status status_;
};

constexpr int kMaxSeconds = 365 * 24 * 3600;

void read_isolation(Reader& reader, ServiceCommand& command) {
  bool isolated = false;
  if (reader.choose("executor", "isolated", "inline", isolated)) {
    command.executor = isolated ? ExecutorKind::kIsolated : ExecutorKind::kInline;
  }
  isolated::IsolationOptions& isolation = command.server.isolation;
  reader.choose("recover", "replay", "none", isolation.recover);
  auto seconds = static_cast<int>(isolation.times.request_timeout.count() / 1000);
  reader.read("step_timeout", seconds, 0, kMaxSeconds);
  isolation.times.request_timeout = std::chrono::seconds(seconds);
  command.server.sessions.request_timeout = isolation.times.request_timeout;
  std::uint64_t mebibytes = command.worker_limits.memory_in_bytes >> 20;
  reader.read("worker_memory", mebibytes, std::uint64_t{0}, std::uint64_t{1} << 40);
  command.worker_limits.memory_in_bytes = mebibytes << 20;
  seconds = 0;
  reader.read("worker_cpu", seconds, 0, kMaxSeconds);
  command.worker_limits.cpu_time = std::chrono::seconds(seconds);
  constexpr std::size_t kMaxProcesses = 10'000;
  reader.read("max_running", isolation.max_running, std::size_t{1}, kMaxProcesses);
  reader.read("max_templates", isolation.max_templates, std::size_t{1}, kMaxProcesses);
}

void read_addresses(Reader& reader, ServerOptions& server) {
  int port = 0;
  reader.read("port", port, 0, 65'535);
  if (reader.has("listen")) {
    server.listen = reader.texts("listen");
    for (const std::string& address : server.listen) {
      if (const auto parsed = internal::parse_listen_address(address); !parsed) {
        reader.fail("flag 'listen': " + parsed.error().error_message());
      }
    }
    if (reader.has("port")) {
      server.listen.insert(server.listen.begin(), fmt::format("127.0.0.1:{}", port));
    }
  } else {
    server.listen = {fmt::format("127.0.0.1:{}", port)};
  }
}

void read_access(Reader& reader, ServerOptions& server) {
  reader.read_mode("unix_socket_mode", server.access.unix_socket_mode);
  reader.read("tls_cert", server.access.tls_certificate);
  reader.read("tls_key", server.access.tls_key);
  reader.read("tls_client_ca", server.access.tls_client_ca);
  reader.read("token_file", server.access.token_file);
  reader.read("insecure", server.access.insecure);
  if (reader.has("benchmark_root")) {
    const Text& roots = reader.texts("benchmark_root");
    Result<BenchmarkRoots> resolved = BenchmarkRoots::resolve({roots.begin(), roots.end()});
    if (resolved) {
      server.context.benchmark_roots = *std::move(resolved);
    } else {
      reader.fail("flag 'benchmark_root': " + resolved.error().error_message());
    }
  }
}

void read_limits(Reader& reader, ServerOptions& server) {
  constexpr std::size_t kMaxCount = 1'000'000;
  constexpr std::size_t kMaxBytes = std::size_t{1} << 50;
  reader.read("workers", server.workers, std::size_t{1}, std::size_t{1024});
  reader.read("max_sessions", server.sessions.max_sessions, std::size_t{1}, kMaxCount);
  reader.read("max_queued_steps", server.sessions.max_queued_steps, std::size_t{1}, kMaxCount);
  reader.read("max_requests_in_flight", server.max_requests_in_flight, std::size_t{1}, kMaxCount);
  reader.read("max_bytes_in_flight", server.max_bytes_in_flight, std::size_t{1}, kMaxBytes);
  reader.read("max_unread_bytes", server.max_unread_bytes, std::size_t{1}, kMaxBytes);
  reader.read("max_message_size", server.max_message_size, std::size_t{0}, kMaxBytes);
  reader.read("max_grpc_memory", server.max_grpc_memory, std::size_t{0}, kMaxBytes);
  reader.read("max_benchmark_cache_bytes", server.context.max_benchmark_cache_bytes, std::size_t{0},
              kMaxBytes);
  int seconds = static_cast<int>(server.drain_grace.count() / 1000);
  reader.read("drain_grace", seconds, 0, kMaxSeconds);
  server.drain_grace = std::chrono::seconds(seconds);
  seconds = 0;
  reader.read("session_ttl", seconds, 0, kMaxSeconds);
  server.session_ttl = std::chrono::seconds(seconds);
}

Result<ServiceCommand> read_command(const po::variables_map& given) {
  Reader reader(given);
  ServiceCommand command;
  read_addresses(reader, command.server);
  reader.read("working_dir", command.working_directory);
  read_access(reader, command.server);
  read_limits(reader, command.server);
  read_isolation(reader, command);

  constexpr int kMaxInt = std::numeric_limits<int>::max();
  if (reader.has("owner_pid")) {
    pid_t owner = 0;
    reader.read("owner_pid", owner, 1, kMaxInt);
    command.owner_pid = owner;
  }
  reader.read("alsologtostderr", command.log_to_stderr);
  reader.read("v", command.verbosity, -kMaxInt, kMaxInt);
  int buffered_level = 0;
  reader.read("logbuflevel", buffered_level, -kMaxInt, kMaxInt);
  command.log_every_line = buffered_level < 0;

  if (!reader.status().ok()) {
    return reader.status();
  }
  return command;
}

std::string without_dashes(const std::string& flag) {
  const auto first = flag.find_first_not_of('-');
  const std::string name = first == std::string::npos ? flag : flag.substr(first);
  return name.substr(0, name.find('='));
}

}  // namespace

Result<std::variant<ServiceCommand, PrintAndExit>> parse_command_line(int argc,
                                                                      const char* const* argv,
                                                                      const std::string& usage) {
  const po::options_description flags = describe(ServerOptions());
  // A service takes no positional arguments; they are collected so that the error can name the
  // first one.
  constexpr const char* kStray = "stray";
  po::options_description all;
  all.add(flags).add_options()(kStray, po::value<Text>());
  po::positional_options_description stray_arguments;
  stray_arguments.add(kStray, -1);
  po::variables_map given;
  try {
    po::command_line_parser parser(argc, argv);
    parser.options(all).positional(stray_arguments);  // keeps references to both
    parser.style(po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                 po::command_line_style::long_allow_next |
                 po::command_line_style::allow_long_disguise);
    po::store(parser.run(), given);
  } catch (const po::unknown_option& error) {
    return invalid_argument(
        fmt::format("unknown command line flag '{}'", without_dashes(error.get_option_name())));
  } catch (const po::invalid_command_line_syntax& error) {
    return invalid_argument(
        fmt::format("flag '{}': a value is missing", without_dashes(error.get_option_name())));
  } catch (const po::error& error) {
    return invalid_argument(error.what());
  }

  if (given.count(kStray) > 0) {
    const std::string& stray = given[kStray].as<Text>().front();
    return invalid_argument(
        stray.starts_with('-')
            ? fmt::format("unknown command line flag '{}'", without_dashes(stray))
            : fmt::format("unexpected command line argument '{}'", stray));
  }
  if (given.count("help") > 0) {
    std::ostringstream text;
    text << usage << "\n\n" << flags;
    return PrintAndExit{text.str()};
  }
  if (given.count("version") > 0) {
    return PrintAndExit{std::string(service_version()) + "\n"};
  }
  Result<ServiceCommand> command = read_command(given);
  if (!command) {
    return command.error();
  }
  return *std::move(command);
}

}  // namespace compiler_gym

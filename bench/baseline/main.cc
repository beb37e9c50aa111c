// compiler_gym-baseline: the servers that ours is compared with, on the same session classes.
#include <fmt/core.h>
#include <unistd.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "bench/baseline/baseline_server.h"
#include "bench/baseline/compiler_host.h"
#include "bench/baseline/compiler_plugin.h"
#include "tools/support/flag_parser.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

constexpr auto* kName = "compiler_gym-baseline";
constexpr int kCouldNotRun = 1;
constexpr int kBadCommandLine = 2;

// Complete under its name or not there at all, as whoever started this expects.
void write_port_file(const fs::path& directory, int port) {
  const fs::path unfinished = directory / "port.txt.new";
  {
    fs::ofstream file(unfinished);
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file << port << '\n';
  }
  fs::rename(unfinished, directory / "port.txt");
}

int failed(const grpc::Status& status) {
  fmt::print(stderr, "{}: {}\n", kName, to_string(status));
  return kCouldNotRun;
}

int serve(BaselineKind kind, ServicePlugin plugin, const fs::path& directory,
          const std::vector<std::string>& listen) {
  // Before there are threads, which inherit it: the signal waits until it is asked for.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto host = CompilerHost::create(std::move(plugin), directory);
  if (!host) {
    return failed(host.error());
  }
  const auto server = BaselineServer::start(kind, **host, listen);
  if (!server) {
    return failed(server.error());
  }
  write_port_file(directory, (*server)->port());
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

int run(int argc, char** argv) {
  FlagParser flags(
      "Usage: compiler_gym-baseline [flags]\n\n"
      "A service of the same sessions behind another server, to compare with. SIGTERM stops it.");
  flags.add_heading("Flags");
  flags.add("server", "KIND (=sync)",
            "sync: gRPC's synchronous server, one mutex over the start of sessions and over the "
            "search for one; sync-apart: the search has a mutex of its own; bare: one thread reads "
            "a completion queue");
  flags.add("compiler", "NAME (=example)", "example or llvm");
  flags.add("listen", "ADDRESS (=127.0.0.1:0)",
            "host:port or unix:PATH; may be given several times");
  flags.add("working_dir", "PATH", "where port.txt is written; must exist (default: here)");
  flags.add_switch("help", "print this and exit");
  flags.parse(argc, argv);
  if (flags.has("help")) {
    fmt::print("{}", flags.help());
    return 0;
  }
  const Result<BaselineKind> kind = parse_baseline_kind(flags.text("server", "sync"));
  if (!kind) {
    flags.fail("flag 'server': " + kind.error().error_message());
  }
  Result<ServicePlugin> plugin = plugin_of_compiler(flags.text("compiler", "example"));
  if (!plugin) {
    flags.fail("flag 'compiler': " + plugin.error().error_message());
  }
  if (!flags.status().ok()) {
    fmt::print(stderr, "{}: {}\n", kName, flags.status().error_message());
    return kBadCommandLine;
  }
  std::vector<std::string> listen = flags.texts("listen");
  if (listen.empty()) {
    listen.emplace_back("127.0.0.1:0");
  }
  return serve(*kind, *std::move(plugin), fs::absolute(flags.text("working_dir", ".")), listen);
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kCouldNotRun, run, argc, argv);
}

#include "bench/compare/server_fleet.h"

#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <cassert>
#include <utility>

#include "bench/baseline/compiler_plugin.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;

constexpr const char* kPeer = "peer";

bool is_ours(const std::string& server) {
  return server.starts_with("ours");
}

std::string key_of(const CompareRow& row, const std::string& server) {
  return std::string(row.compiler()) + '-' + server;
}

std::vector<std::string> arguments_of(const std::string& compiler, const std::string& server) {
  if (!is_ours(server)) {
    return {"--server=" + server, "--compiler=" + compiler};
  }
  if (server == "ours-inline") {
    return {"--executor=inline"};
  }
  return {};
}

}  // namespace

ServerFleet::ServerFleet(fs::path binaries, std::optional<PeerFiles> peer)
    : binaries_(std::move(binaries)),
      peer_(std::move(peer)),
      directory_(fs::temp_directory_path() / fs::unique_path("compiler_gym-compare-%%%%%%")) {
  fs::create_directories(directory_);
}

ServerFleet::~ServerFleet() {
  processes_.clear();
  in_process_.clear();
  boost::system::error_code ignored;  // what is left lies under the temporary directory
  fs::remove_all(directory_, ignored);
}

asio::awaitable<Result<Endpoint>> ServerFleet::async_get(const CompareRow& row,
                                                         const std::string& server) {
  const std::string key = key_of(row, server);
  if (row.transport == Transport::kInProcess) {
    if (!in_process_.contains(key)) {
      Result<InProcess> started = start_in_process(std::string(row.compiler()), server);
      if (!started) {
        co_return started.error();
      }
      in_process_[key] = *std::move(started);
    }
    const InProcess& running = in_process_[key];
    co_return Endpoint{.channel = running.ours != nullptr ? running.ours->channel()
                                                          : running.baseline->in_process_channel(),
                       .pid = getpid()};
  }
  if (!processes_.contains(key)) {
    Result<Process> started = co_await start_process(key, options_of(row, server), server == kPeer);
    if (!started) {
      co_return started.error();
    }
    processes_[key] = *std::move(started);
  }
  const Process& running = processes_[key];
  co_return Endpoint{
      .target = row.transport == Transport::kUnix ? running.unix_target : running.service->target(),
      .pid = running.service->pid()};
}

ManagedServiceOptions ServerFleet::options_of(const CompareRow& row,
                                              const std::string& server) const {
  if (server == kPeer) {
    assert(peer_ && "a row of a peer that is not there");
    return peer_options(*peer_);
  }
  const std::string compiler(row.compiler());
  ManagedServiceOptions options;
  options.binary = binaries_ / (is_ours(server) ? "compiler_gym-" + compiler + "-service"
                                                : "compiler_gym-baseline");
  options.arguments = arguments_of(compiler, server);
  if (is_ours(server) && !row.has_peer()) {
    // Serving is what is compared, and the baselines compute every answer.
    options.arguments.emplace_back("--state_graph_bytes=0");
  }
  return options;
}

asio::awaitable<Result<ServerFleet::Process>> ServerFleet::start_process(
    std::string key, ManagedServiceOptions options, bool is_peer) {
  Process process;
  if (!is_peer) {  // which listens where it likes, on TCP
    process.unix_target = "unix:" + (directory_ / key).string();
    options.arguments.emplace_back("--listen=127.0.0.1:0");
    options.arguments.push_back("--listen=" + process.unix_target);
  }
  Result<std::unique_ptr<ManagedService>> started =
      co_await ManagedService::async_start(std::move(options));
  if (!started) {
    co_return started.error();
  }
  process.service = *std::move(started);
  co_return process;
}

asio::awaitable<std::optional<ProcessExit>> ServerFleet::async_discard(const CompareRow& row,
                                                                       const std::string& server) {
  const auto found = processes_.find(key_of(row, server));
  if (found == processes_.end()) {
    co_return std::nullopt;
  }
  const Process discarded = std::move(found->second);
  processes_.erase(found);
  co_return co_await discarded.service->async_stop();
}

Result<ServerFleet::InProcess> ServerFleet::start_in_process(const std::string& compiler,
                                                             const std::string& server) {
  Result<ServicePlugin> plugin = plugin_of_compiler(compiler);
  if (!plugin) {
    return plugin.error();
  }
  InProcess started;
  if (is_ours(server)) {
    Result<std::unique_ptr<HostedServer>> ours =
        HostedServer::start(*std::move(plugin), directory_);
    if (!ours) {
      return ours.error();
    }
    started.ours = *std::move(ours);
    return started;
  }
  const Result<BaselineKind> kind = parse_baseline_kind(server);
  if (!kind) {
    return kind.error();
  }
  Result<std::unique_ptr<CompilerHost>> host = CompilerHost::create(*std::move(plugin), directory_);
  if (!host) {
    return host.error();
  }
  started.host = *std::move(host);
  Result<std::unique_ptr<BaselineServer>> baseline =
      BaselineServer::start(*kind, *started.host, {});
  if (!baseline) {
    return baseline.error();
  }
  started.baseline = *std::move(baseline);
  return started;
}

asio::awaitable<grpc::Status> ServerFleet::async_stop() {
  grpc::Status status;
  for (auto& [name, process] : processes_) {
    const ProcessExit exit = co_await process.service->async_stop();
    if (status.ok() && (exit.returncode != 0 || exit.had_to_be_killed)) {
      status = internal_error(name + " ended with " + exit.describe());
    }
  }
  processes_.clear();
  in_process_.clear();
  co_return status;
}

}  // namespace compiler_gym

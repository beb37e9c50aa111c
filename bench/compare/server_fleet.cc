#include "bench/compare/server_fleet.h"

#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <utility>

#include "bench/baseline/compiler_plugin.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;

bool is_ours(const std::string& server) {
  return server.starts_with("ours");
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

ServerFleet::ServerFleet(fs::path binaries)
    : binaries_(std::move(binaries)),
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
  const std::string compiler(row.compiler());
  const std::string key = compiler + '-' + server;
  if (row.transport == Transport::kInProcess) {
    if (!in_process_.contains(key)) {
      Result<InProcess> started = start_in_process(compiler, server);
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
    Result<Process> started = co_await start_process(compiler, server);
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

asio::awaitable<Result<ServerFleet::Process>> ServerFleet::start_process(std::string compiler,
                                                                         std::string server) {
  Process process;
  process.unix_target = "unix:" + (directory_ / (compiler + '-' + server)).string();
  ManagedServiceOptions options;
  options.binary = binaries_ / (is_ours(server) ? "compiler_gym-" + compiler + "-service"
                                                : "compiler_gym-baseline");
  options.arguments = arguments_of(compiler, server);
  options.arguments.emplace_back("--listen=127.0.0.1:0");
  options.arguments.push_back("--listen=" + process.unix_target);
  Result<std::unique_ptr<ManagedService>> started =
      co_await ManagedService::async_start(std::move(options));
  if (!started) {
    co_return started.error();
  }
  process.service = *std::move(started);
  co_return process;
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

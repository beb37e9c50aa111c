#include "client/managed_service.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/filesystem/operations.hpp>
#include <tuple>
#include <utility>
#include <variant>

#include "client/internal/service_files.h"
#include "core/posix/exec_strings.h"
#include "core/posix/pidfd.h"
#include "core/posix/process_end.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;
using namespace std::chrono_literals;

/// Undoes what this process may have done to its signals; a service expects the defaults.
class SpawnAttributes {
 public:
  explicit SpawnAttributes(bool own_process_group) {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    for (const int signal : {SIGTERM, SIGINT, SIGPIPE, SIGCHLD}) {
      sigaddset(&signals, signal);
    }
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    constexpr int kSignals = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(own_process_group ? kSignals | POSIX_SPAWN_SETPGROUP : kSignals));
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

class SpawnFileActions {
 public:
  explicit SpawnFileActions(const fs::path& working_directory) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addchdir_np(&actions_, working_directory.c_str());
  }
  SpawnFileActions(const SpawnFileActions&) = delete;
  SpawnFileActions& operator=(const SpawnFileActions&) = delete;
  ~SpawnFileActions() { posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

}  // namespace

std::string ProcessExit::describe() const {
  if (returncode == kUnknown) {
    return "an exit status that went to whoever ignores SIGCHLD in this process";
  }
  std::string text = returncode >= 0 ? "exit status " + std::to_string(returncode)
                                     : "killed by signal " + std::to_string(-returncode) + " (" +
                                           strsignal(-returncode) + ")";
  if (had_to_be_killed) {
    text += ", as it had not ended in time after SIGTERM";
  }
  return text;
}

ManagedService::ManagedService(Executor executor, ManagedServiceOptions options)
    : options_(std::move(options)), ended_(executor), timer_(executor) {}

ManagedService::~ManagedService() {
  if (pid_ > 0 && !exit_) {
    signal(SIGKILL);
    reap();
  }
  if (made_working_directory_) {
    boost::system::error_code ignored;  // what is left lies under the temporary directory
    fs::remove_all(working_directory_, ignored);
  }
}

asio::awaitable<Result<std::unique_ptr<ManagedService>>> ManagedService::async_start(
    ManagedServiceOptions options) {
  std::unique_ptr<ManagedService> service(
      new ManagedService(co_await asio::this_coro::executor, std::move(options)));
  if (grpc::Status status = service->prepare(); !status.ok()) {
    co_return status;
  }
  if (grpc::Status status = service->spawn(); !status.ok()) {
    co_return status;
  }
  if (grpc::Status status = co_await service->wait_for_port(); !status.ok()) {
    co_return status;
  }
  co_return service;
}

grpc::Status ManagedService::prepare() {
  boost::system::error_code error;
  binary_ = fs::canonical(options_.binary, error);
  if (error || !fs::is_regular_file(binary_, error)) {
    return not_found("service binary not found: '" + options_.binary.string() + "'");
  }
  if (options_.working_directory.empty()) {
    std::string pattern = (fs::temp_directory_path() / "compiler_gym-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      return unavailable("cannot make a working directory '" + pattern + "': " + strerror(errno));
    }
    working_directory_ = pattern;
    made_working_directory_ = true;
  } else {
    working_directory_ = fs::absolute(options_.working_directory);
    // A service started before in the same place must not be taken for this one.
    fs::remove(working_directory_ / "port.txt", error);
    fs::remove(working_directory_ / "pid.txt", error);
  }
  for (const char* subdirectory : {"logs", "disk"}) {
    fs::create_directories(working_directory_ / subdirectory, error);
    if (error) {
      return unavailable("cannot make '" + (working_directory_ / subdirectory).string() +
                         "': " + error.message());
    }
  }
  return grpc::Status::OK;
}

grpc::Status ManagedService::spawn() {
  std::vector<std::string> arguments{"./" + binary_.filename().string(),
                                     "--working_dir=" + working_directory_.string()};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<std::string> environment = environment_with(options_.environment);
  const std::vector<char*> argv = null_terminated(arguments);
  const std::vector<char*> envp = null_terminated(environment);

  const SpawnFileActions in_its_directory(binary_.parent_path());
  const SpawnAttributes attributes(options_.own_process_group);
  const int error = posix_spawn(&pid_, argv[0], in_its_directory.get(), attributes.get(),
                                argv.data(), envp.data());
  if (error != 0) {
    pid_ = -1;
    return unavailable("cannot start '" + binary_.string() + "': " + strerror(error));
  }
  const int pidfd = pidfd_open(pid_, 0);
  if (pidfd < 0) {
    return unavailable("cannot watch process " + std::to_string(pid_) + ": " + strerror(errno));
  }
  ended_.assign(pidfd);
  return grpc::Status::OK;
}

asio::awaitable<grpc::Status> ManagedService::wait_for_port() {
  const Clock::time_point give_up = Clock::now() + options_.start_timeout;
  Clock::duration interval = options_.first_poll;
  for (;;) {
    const Result<std::optional<std::uint16_t>> port =
        internal::read_port_file(working_directory_ / "port.txt");
    if (!port) {
      co_return port.error();
    }
    if (*port) {
      port_ = **port;
      co_return grpc::Status::OK;
    }
    if (Clock::now() >= give_up) {
      co_return deadline_exceeded("'" + binary_.string() + "' did not write port.txt within " +
                                  std::to_string(options_.start_timeout.count()) + " s");
    }
    const bool ended = co_await ends_within(std::min(interval, give_up - Clock::now()));
    if (ended) {
      co_return unavailable("'" + binary_.string() + "' ended before it listened: " +
                            exit_->describe() + internal::quote_logs(working_directory_ / "logs"));
    }
    interval = std::min<Clock::duration>(interval * 6 / 5, options_.longest_poll);
  }
}

asio::awaitable<bool> ManagedService::ends_within(Clock::duration patience) {
  using asio::experimental::awaitable_operators::operator||;
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
  if (!exit_) {
    timer_.expires_after(patience);
    const auto first = co_await (async_wait_ended(ended_) || timer_.async_wait(kToken));
    const auto* error = std::get_if<0>(&first);
    if (error != nullptr && !*error) {
      reap();
    }
  }
  co_return exit_.has_value();
}

void ManagedService::reap() {
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(pid_, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  if (reaped != pid_) {
    // This process ignores SIGCHLD, or reaps all its children: it has ended, and nobody can say how.
    exit_ = ProcessExit{.returncode = ProcessExit::kUnknown};
    return;
  }
  exit_ = ProcessExit{.returncode = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status)};
}

// By the descriptor: if somebody else has reaped it, its number can be another process's by now.
void ManagedService::signal(int number) {
  if (ended_.is_open()) {
    pidfd_send_signal(ended_.native_handle(), number, nullptr, 0);
  } else {
    kill(pid_, number);
  }
}

asio::awaitable<ProcessExit> ManagedService::async_stop() {
  if (!exit_) {
    signal(SIGTERM);
    // In a variable: GCC 12 miscompiles a co_await in the condition of a nested if.
    const bool ended = co_await ends_within(options_.stop_timeout);
    if (!ended) {
      signal(SIGKILL);
      co_await async_wait();
      exit_->had_to_be_killed = true;
    }
  }
  co_return *exit_;
}

asio::awaitable<ProcessExit> ManagedService::async_wait() {
  bool ended = false;
  while (!ended) {
    ended = co_await ends_within(1h);
  }
  co_return *exit_;
}

std::string ManagedService::target() const {
  return "localhost:" + std::to_string(port_);
}

}  // namespace compiler_gym

#include "tools/soak/fault_injector.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include "core/posix/processes.h"
#include "tools/soak/soak_session.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kMostHalfOpen = 16;
// How HTTP/2 begins.
constexpr const char* kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::kKilledSandbox:
      return "sandbox processes killed";
    case Fault::kKilledClient:
      return "client processes killed";
    case Fault::kHalfOpen:
      return "half-open connections";
    case Fault::kRandomBytes:
      return "connections with noise";
    case Fault::kGivenUp:
      return "steps given up";
    case Fault::kBadProgram:
      return "damaged programs";
  }
  return "";
}

FaultInjector::FaultInjector(CompletionQueuePump& pump, FaultTargets targets, std::uint64_t seed)
    : pump_(pump), targets_(std::move(targets)), client_(pump, targets_.target), random_(seed) {}

FaultInjector::~FaultInjector() {
  leave_alone();
}

void FaultInjector::leave_alone() {
  half_open_.clear();
  if (client_process_ > 0) {
    kill_client();
  }
}

asio::awaitable<void> FaultInjector::async_inject(Fault fault) {
  switch (fault) {
    case Fault::kKilledSandbox:
      if (!kill_sandbox()) {
        co_return;
      }
      break;
    case Fault::kKilledClient:
      if (client_process_ <= 0) {
        start_client();  // the next time, it is in the middle of something
        co_return;
      }
      kill_client();
      break;
    case Fault::kHalfOpen:
      half_open_.push_back(co_await send(kPreface));
      if (half_open_.size() > kMostHalfOpen) {
        half_open_.pop_front();
      }
      break;
    case Fault::kRandomBytes:
      co_await send(random_bytes(1 + random_() % 4096));
      break;
    case Fault::kGivenUp:
      co_await give_up_a_step();
      break;
    case Fault::kBadProgram:
      co_await async_start_and_end(client_, soak_session("damaged", damaged_program()));
      break;
  }
  ++counts_[static_cast<std::size_t>(fault)];
}

// Not one of those that make them, which lead no POSIX session or are the service's own children.
bool FaultInjector::kill_sandbox() {
  std::vector<pid_t> sandboxes;
  for (const pid_t child : process_tree(targets_.service)) {
    if (child != targets_.service && parent_of(child) != targets_.service &&
        getsid(child) == child) {
      sandboxes.push_back(child);
    }
  }
  return !sandboxes.empty() && kill(sandboxes[random_() % sandboxes.size()], SIGKILL) == 0;
}

void FaultInjector::kill_client() {
  kill(client_process_, SIGKILL);
  waitpid(client_process_, nullptr, 0);
  client_process_ = -1;
}

void FaultInjector::start_client() {
  std::vector<std::string> arguments{targets_.load_generator.string(),
                                     "--target",
                                     targets_.target,
                                     "--benchmark",
                                     targets_.program_file.string(),
                                     "--seconds",
                                     "3600",
                                     "--sessions",
                                     "8",
                                     "--json",
                                     "/dev/null"};
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  if (posix_spawn(&client_process_, argv[0], &actions, nullptr, argv.data(), environ) != 0) {
    client_process_ = -1;
  }
  posix_spawn_file_actions_destroy(&actions);
}

// A service that does not take the connection, or the bytes, shows in the load beside this.
asio::awaitable<tcp::socket> FaultInjector::send(std::string bytes) {
  tcp::socket socket(co_await asio::this_coro::executor);
  const tcp::endpoint service(asio::ip::address_v4::loopback(), targets_.port);
  co_await socket.async_connect(service, asio::as_tuple(asio::use_awaitable));
  co_await asio::async_write(socket, asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
  co_return socket;
}

asio::awaitable<void> FaultInjector::give_up_a_step() {
  // A client of its own, whose connection goes with it.
  ServiceClient client(pump_, targets_.target);
  const auto started =
      co_await client.start_session(soak_session("good", targets_.program), kSoakPatience);
  if (!started) {
    co_return;
  }
  StepRequest step;
  step.set_session_id(started->session_id());
  for (int i = 0; i < 32; ++i) {
    step.add_action()->set_int64_value(static_cast<std::int64_t>(random_() % 100));
  }
  CallOptions impatience;
  impatience.timeout = std::chrono::milliseconds(1 + random_() % 20);
  co_await client.step(std::move(step), impatience);
}

std::string FaultInjector::random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random_());
  }
  return bytes;
}

std::string FaultInjector::damaged_program() {
  std::string program = targets_.program;
  for (int i = 0; i < 4; ++i) {
    char& byte = program[random_() % program.size()];
    byte = static_cast<char>(byte ^ (1 << (random_() % 8)));
  }
  return program;
}

}  // namespace compiler_gym

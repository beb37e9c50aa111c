#include "tools/soak/fault_injector.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include "core/posix/exec_strings.h"
#include "core/posix/processes.h"
#include "core/support/clock.h"
#include "tools/soak/soak_session.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kMostHalfOpen = 16;
// How HTTP/2 begins.
constexpr const char* kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kGiantBytes = std::size_t{16} << 20;
constexpr auto kFrozenFor = std::chrono::seconds(1);
constexpr auto kShortFor = std::chrono::milliseconds(100);

// HTTP/2 frames: length, type, flags, stream, payload (RFC 9113, 6.5 and 6.7).
std::string pings(int count) {
  using namespace std::string_literals;
  std::string bytes = kPreface + "\0\0\0\x04\0\0\0\0\0"s;  // SETTINGS, which are none
  for (int i = 0; i < count; ++i) {
    bytes += "\0\0\x08\x06\0\0\0\0\0whatever"s;
  }
  return bytes;
}

template <typename Request>
void make_giant(Request& request) {
  constexpr int kUnknownField = 1000;
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
      kUnknownField, std::string(kGiantBytes, 'x'));
}

}  // namespace

namespace {

Shortage shortage_of(Fault fault) {
  switch (fault) {
    case Fault::kNoDescriptors:
      return Shortage::kFiles;
    case Fault::kNoProcesses:
      return Shortage::kProcesses;
    case Fault::kNoMemory:
      return Shortage::kMemory;
    case Fault::kNoDisk:
      return Shortage::kDisk;
    default:
      return Shortage::kNone;
  }
}

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
    case Fault::kFrozenZygote:
      return "zygote frozen";
    case Fault::kFrozenClient:
      return "client processes frozen";
    case Fault::kPings:
      return "connections with pings";
    case Fault::kGiantMessages:
      return "giant messages";
    case Fault::kNoDescriptors:
      return "no descriptors";
    case Fault::kNoProcesses:
      return "no processes or threads";
    case Fault::kNoMemory:
      return "no memory";
    case Fault::kNoDisk:
      return "no disk";
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
  bool done = true;
  switch (fault) {
    case Fault::kKilledSandbox:
      done = kill_sandbox();
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
    case Fault::kFrozenZygote:
      done = co_await freeze_zygote();
      break;
    case Fault::kFrozenClient:
      done = freeze_client();
      break;
    case Fault::kPings:
      co_await send(pings(1000));
      break;
    case Fault::kGiantMessages:
      co_await send_giants();
      break;
    case Fault::kNoDescriptors:
    case Fault::kNoProcesses:
    case Fault::kNoMemory:
    case Fault::kNoDisk:
      done = co_await be_short_of(shortage_of(fault));
      break;
  }
  counts_[static_cast<std::size_t>(fault)] += done ? 1 : 0;
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

// The one child that the service has itself; 0 if it has none.
pid_t FaultInjector::zygote() const {
  const std::vector<pid_t> processes = process_tree(targets_.service);
  const auto found = std::ranges::find(processes, targets_.service, parent_of);
  return found == processes.end() ? 0 : *found;
}

asio::awaitable<bool> FaultInjector::freeze_zygote() {
  const pid_t process = zygote();
  if (process == 0 || kill(process, SIGSTOP) != 0) {
    co_return false;
  }
  co_await async_pause(kFrozenFor);
  kill(process, SIGCONT);
  co_return true;
}

bool FaultInjector::freeze_client() {
  if (client_process_ <= 0) {
    start_client();  // the next time, it is in the middle of something
    return false;
  }
  client_frozen_ = !client_frozen_;
  return kill(client_process_, client_frozen_ ? SIGSTOP : SIGCONT) == 0 && client_frozen_;
}

asio::awaitable<bool> FaultInjector::be_short_of(Shortage shortage) {
  if (targets_.shortages == nullptr) {
    co_return false;
  }
  targets_.shortages->set(shortage);
  co_await async_pause(kShortFor);
  targets_.shortages->set(Shortage::kNone);
  co_return true;
}

void FaultInjector::kill_client() {
  client_frozen_ = false;
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
  const std::vector<char*> argv = null_terminated(arguments);
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

asio::awaitable<void> FaultInjector::send_giants() {
  ServiceClient client(pump_, targets_.target);
  EndSessionRequest end;
  make_giant(end);
  co_await client.end_session(std::move(end), kSoakPatience);
  StepRequest step;
  step.set_session_id(-1);
  make_giant(step);
  co_await client.step(std::move(step), kSoakPatience);
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

// Services that are asked to end at any moment of their lives, as often as one likes.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <atomic>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <cstdlib>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/posix/processes.h"
#include "core/support/clock.h"
#include "tests/process/fifo_gate.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::AnyOf;

constexpr int kOpenSessions = 6;
constexpr int kForced = 8;

/// COMPILER_GYM_TEST_STORMS: how many services; the seed of each is its number.
int storm_count() {
  const char* const count = std::getenv("COMPILER_GYM_TEST_STORMS");
  return count == nullptr ? 30 : std::stoi(count);
}

/// Clients that start sessions, step them and end some, until the service is gone. (A WireClient would wait for the
/// next one.)
class Load {
 public:
  explicit Load(const std::string& target) {
    for (int i = 0; i < 2; ++i) {
      clients_.emplace_back([this, target](const std::stop_token& stop) { run(stop, target); });
    }
  }

  [[nodiscard]] int answered() const { return answered_; }

 private:
  using Stub = CompilerGymService::Stub;

  void run(const std::stop_token& stop, const std::string& target) {
    const auto channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
    channel->WaitForConnected(std::chrono::system_clock::now() + kWatchdog);
    const auto stub = CompilerGymService::NewStub(channel);
    StartSessionRequest start;
    start.mutable_benchmark()->set_uri("benchmark://storm/program");
    start.mutable_benchmark()->mutable_program()->set_contents("program");
    StartSessionReply session;
    StepRequest step;
    step.add_action()->set_int64_value(0);
    StepReply stepped;
    EndSessionRequest end;
    EndSessionReply ended;
    bool answered = true;
    for (int i = 0; answered && !stop.stop_requested(); ++i) {
      answered = call(*stub, &Stub::StartSession, start, session);
      step.set_session_id(session.session_id());
      for (int left = 3; answered && left > 0; --left) {
        answered = call(*stub, &Stub::Step, step, stepped);
      }
      end.set_session_id(session.session_id());
      if (answered && i % 2 == 0) {
        answered = call(*stub, &Stub::EndSession, end, ended);
      }
    }
  }

  template <typename Request, typename Reply>
  bool call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
            const Request& request, Reply& reply) {
    grpc::ClientContext rpc_context;
    const bool ok = (stub.*method)(&rpc_context, request, &reply).ok();
    answered_ += ok ? 1 : 0;
    return ok;
  }

  std::atomic<int> answered_{0};
  std::vector<std::jthread> clients_;
};

class SignalStormTest : public ProcessTest {
 protected:
  static constexpr auto kGrace = 1s;
  /// What docs/operating.md promises, and a second for this process to notice on a busy machine.
  static constexpr auto kBound = kGrace + 5s + 1s;

  void survive(unsigned seed) {
    random_.seed(seed);
    static const std::vector<std::vector<std::string>> kServices{
        {kExampleService}, {kFaultyService}, {kHazardService, "--executor=isolated"}};
    const std::vector<std::string>& chosen = kServices[seed % kServices.size()];
    directory_ = root() / ("storm" + std::to_string(seed));
    std::vector<std::string> arguments{"--working_dir=" + directory_.string(), "--drain_grace=1"};
    arguments.insert(arguments.end(), chosen.begin() + 1, chosen.end());
    run(chosen.front(), arguments);
    switch (seed / kServices.size() % 4) {
      case 0:
        start_up();
        break;
      case 1:
        wait_until_serving(directory_);
        storm();
        break;
      case 2:
        load();
        break;
      default:
        chosen.front() == kFaultyService ? hang() : load();
        break;
    }
  }

  int forced = 0;  ///< though nothing hung

 private:
  // What it has come to by then is anything from exec to the end.
  void start_up() {
    const auto moment = std::chrono::microseconds(random_() % 60'000);
    const Clock::time_point start = Clock::now();
    while (Clock::now() - start < moment) {
      std::this_thread::yield();
    }
    storm();
  }

  void load() {
    wait_until_serving(directory_);
    const Load load(target());
    const int moment = static_cast<int>(random_() % 40);
    poll_until([&] { return load.answered() >= moment; });
    storm();
  }

  // In a step that never returns.
  void hang() {
    wait_until_serving(directory_);
    FifoGate gate((directory_ / "gate").string());
    WireClient client(target());
    EXPECT_EQ(outcome(client.start_session()), "OK");
    const std::jthread stepper([&client] { EXPECT_NE(outcome(client.step(0, {1})), "OK"); });
    gate.wait_for_arrival();
    hangs_ = true;
    storm();
    hangs_ = false;
  }

  [[nodiscard]] std::string target() const {
    return "localhost:" + std::to_string(std::stoi(read_file(directory_ / "port.txt")));
  }

  // Until it has ended.
  void storm() {
    const std::vector<pid_t> processes = process_tree(service->pid());
    const bool was_up = fs::exists(directory_ / "pid.txt");
    const Clock::time_point first = Clock::now();
    while (!service->ended()) {
      service->signal(random_() % 2 == 0 ? SIGTERM : SIGINT);
      for (std::uint32_t pause = random_() % 2'000; pause > 0; --pause) {
        std::this_thread::yield();
      }
    }
    EXPECT_LE(Clock::now() - first, kBound);
    if (hangs_) {
      EXPECT_EQ(service->wait(), kForced);
    } else if (was_up || fs::exists(directory_ / "logs")) {
      EXPECT_THAT(service->wait(), AnyOf(0, kOpenSessions, kForced));
      forced += service->wait() == kForced ? 1 : 0;
    } else {
      // A signal before the first line of main() finds the system's default.
      EXPECT_THAT(service->wait(), AnyOf(0, -SIGTERM, -SIGINT));
    }
    poll_until([&] {
      return std::ranges::none_of(processes, [](pid_t pid) { return kill(pid, 0) == 0; });
    });
    fs::remove_all(directory_);
  }

  std::mt19937 random_;
  fs::path directory_;
  bool hangs_ = false;
};

TEST_F(SignalStormTest, EndsAServiceInTimeAndWithAStatusOfItsOwn) {
  for (int number = 0; number < storm_count(); ++number) {
    SCOPED_TRACE("service " + std::to_string(number));
    survive(static_cast<unsigned>(number));
  }
  EXPECT_LE(forced, storm_count() / 100)
      << "nothing hung: only a machine that is very busy may be too slow";
}

}  // namespace
}  // namespace compiler_gym::testing

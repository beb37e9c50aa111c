// The session service with sandbox processes and a compiler that is a hazard, without a transport.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/posix/processes.h"
#include "sessions/isolated/isolated_sessions.h"
#include "sessions/isolated/zygote.h"
#include "tests/isolated/hazard_session.h"
#include "tests/process/fifo_gate.h"
#include "tests/sessions/service_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/poll.h"

namespace compiler_gym::testing {

/// Whether there is no such process any more, not even a dead one that nobody has reaped.
inline bool is_gone(pid_t process) {
  return kill(process, 0) != 0 && errno == ESRCH;
}

/// The present zygote of a keeper, once there is one.
inline pid_t zygote_of(pid_t keeper) {
  pid_t zygote = 0;
  poll_until([&] {
    for (const pid_t pid : process_tree(keeper)) {
      zygote = parent_of(pid) == keeper ? pid : zygote;
    }
    return zygote != 0;
  });
  return zygote;
}

/// A compiler, for the zygote and for the service.
struct IsolatedPlugin {
  std::function<std::unique_ptr<CompilerGymServiceContext>(const boost::filesystem::path&)>
      make_context = [](const boost::filesystem::path& directory) {
        return std::make_unique<DefaultCompilerGymServiceContext>(directory);
      };
  SessionFactory make_session = [](CompilerGymServiceContext& context) {
    return std::make_unique<HazardSession>(context);
  };
  isolated::SandboxLimits limits{};
  std::size_t max_reply_bytes = isolated::ZygoteOptions().max_reply_bytes;
};

/// A base class that comes before those whose timers it drives.
class OwnsFakeClock {
 protected:
  FakeClock clock;
};

/// Forks the zygote, as a service does, before the process has a second thread: a base class that
/// comes before those that start threads.
class ForksZygote {
 protected:
  explicit ForksZygote(IsolatedPlugin plugin)
      : directory_(boost::filesystem::temp_directory_path() /
                   boost::filesystem::unique_path("isolated-%%%%-%%%%-%%%%")),
        plugin_(std::move(plugin)) {
    boost::filesystem::create_directories(directory_);
    Result<isolated::Zygote> forked = isolated::Zygote::fork({
        .make_context = [this] { return plugin_.make_context(directory_); },
        .make_session = plugin_.make_session,
        .working_directory = directory_,
        .limits = plugin_.limits,
        .max_sandboxes = kMaxSandboxes,
        .max_reply_bytes = plugin_.max_reply_bytes,
    });
    if (!forked) {
      throw std::runtime_error(to_string(forked.error()));
    }
    zygote_.emplace(*std::move(forked));
    keeper_process_ = zygote_->keeper();
    zygote_process_ = zygote_of(keeper_process_);
    board_ = &zygote_->board();
  }
  ~ForksZygote() {
    zygote_.reset();
    EXPECT_TRUE(is_gone(keeper_process_));
    boost::filesystem::remove_all(directory_);
  }

  static constexpr std::size_t kMaxSandboxes = 32;

  const boost::filesystem::path directory_;
  const IsolatedPlugin plugin_;
  std::optional<isolated::Zygote> zygote_;
  pid_t keeper_process_ = 0;
  pid_t zygote_process_ = 0;                       // the first
  const isolated::SandboxBoard* board_ = nullptr;  // the service's, once it serves
};

/// The end of each test ends the service, and checks that the event loop runs dry by itself then.
class IsolatedTest : protected ForksZygote, public ServiceFixture {
 protected:
  explicit IsolatedTest(IsolatedPlugin plugin = {})
      : ForksZygote(std::move(plugin)), context_(plugin_.make_context(directory_)) {}

  ~IsolatedTest() override {
    if (service) {
      get_within_watchdog(service->async_end_all(boost::asio::use_future));
      service.reset();
    }
    keep_running_.reset();
    io_thread_.join();
  }

  void serve_isolated(isolated::IsolationOptions options = {},
                      SessionServiceOptions service_options = {
                          .executor = ExecutorKind::kIsolated}) {
    auto sessions = std::make_unique<isolated::IsolatedSessions>(
        io_context.get_executor(), *std::exchange(zygote_, std::nullopt), workers,
        std::move(options), logger);
    isolated_sessions_ = sessions.get();
    serve(
        service_options,
        [this](CompilerGymServiceContext& /*context*/) { return plugin_.make_session(*context_); },
        std::move(sessions));
  }

  /// Of `service.sandboxes.get_...`.
  [[nodiscard]] std::uint64_t sandboxes(const std::string& figure) const {
    return isolated_sessions_->figure("service.sandboxes.get_" + figure).value();
  }

  /// Starts a session on a program; see HazardSession.
  Result<StartSessionReply> start_on(const std::string& program,
                                     const std::stop_source& stop = {}) {
    return start(request_to_start(program, "benchmark://" + program), stop);
  }

  using StartCall = std::unique_ptr<Call<StartSessionRequest, StartSessionReply>>;
  /// The same without waiting for it.
  StartCall start_soon(const std::string& program) {
    return start_soon(program, "benchmark://" + program);
  }
  StartCall start_soon(const std::string& program, const std::string& uri) {
    auto call = std::make_unique<StartCall::element_type>();
    call->request = request_to_start(program, uri);
    call->status = service->async_start_session(call->request, call->reply, call->stop,
                                                boost::asio::use_future);
    return call;
  }

  /// The process that the session is in.
  pid_t process_of(Session::Id session) {
    const Result<StepReply> reply = step(session, {}, {1})->get();
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? static_cast<pid_t>(reply->observation(0).int64_value()) : -1;
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_ / name).string();
  }
  [[nodiscard]] std::string contents(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  /// Of inline sessions; not initialised.
  [[nodiscard]] CompilerGymServiceContext& context() { return *context_; }

  /// How many benchmarks have been loaded.
  [[nodiscard]] std::ptrdiff_t loads() const {
    const std::string lines = contents("loads");
    return std::count(lines.begin(), lines.end(), '\n');
  }

 private:
  static StartSessionRequest request_to_start(const std::string& program, const std::string& uri) {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri(uri);
    if (!program.empty()) {  // else it is one that the service has
      request.mutable_benchmark()->mutable_program()->set_contents(program);
    }
    return request;
  }

  const std::unique_ptr<CompilerGymServiceContext> context_;
  const isolated::IsolatedSessions* isolated_sessions_ = nullptr;  // the service's
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
      io_context.get_executor()};
  std::jthread io_thread_{[this] { io_context.run(); }};
};

}  // namespace compiler_gym::testing

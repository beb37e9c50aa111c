// An LLVM service with a crowd of sessions, to which things happen.
#pragma once

#include <gmock/gmock.h>
#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/filesystem/path.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/client_loop.h"
#include "client/managed_service.h"
#include "tests/fault/crowd.h"
#include "tools/soak/fault_injector.h"

namespace compiler_gym::testing {

inline constexpr auto* kLlvmService = "compiler_gym-llvm-service";
/// Whose sessions fail when told to, see FaultySession.
inline constexpr auto* kFaultyLlvmService = "fault_test_llvm_service";

/// A crowd of 200 sessions steps while the fault comes again and again. Afterwards the state of each
/// is compared with a replay of its own successful actions: a session that was hit has to be where it
/// was before the step that failed, all others where their steps took them.
class FaultTest : public ::testing::Test {
 protected:
  /// What happens to the service; its argument says how often it has happened before.
  using Disturbance = std::function<boost::asio::awaitable<void>(int)>;

  static constexpr int kCrowd = 200;
  static constexpr int kStepsEach = 6;

  FaultTest();

  /// Starts the service; in a working directory of its own unless one is given.
  void serve(std::vector<std::string> arguments, const char* binary = kLlvmService,
             const boost::filesystem::path& working_directory = {});

  /// Runs the crowd under so many faults and compares it with its replay. Returns the failed steps.
  std::vector<grpc::Status> run_crowd(int faults, Disturbance fault);

  /// The processes of sessions and of templates, not the one that makes them.
  [[nodiscard]] std::vector<pid_t> sandboxes() const;

  /// Stops the service, which ends with one of these statuses, and waits until none of its processes
  /// remains.
  void stop(const std::set<int>& returncodes = {0});

  const std::string program_;
  ClientLoop loop_;
  std::unique_ptr<ManagedService> service_;
  std::optional<ServiceClient> client_;
  std::optional<FaultInjector> injector_;

 private:
  boost::asio::awaitable<void> disturb(Crowd& crowd, int faults, Disturbance fault);
};

}  // namespace compiler_gym::testing

// Service processes, their working directories and their clients.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/process/service_process.h"
#include "tests/process/wire_client.h"
#include "tests/support/poll.h"

namespace compiler_gym::testing {

inline constexpr auto* kExampleService = "compiler_gym-example-service";
inline constexpr auto* kCountingService = "compiler_gym-counting-service";
inline constexpr auto* kFaultyService = "process_test_faulty_service";
inline constexpr auto* kHazardService = "process_test_hazard_service";
inline constexpr auto* kPortedService = "process_test_ported_service";

using Environment = std::map<std::string, std::string>;

/// One service at a time, in a directory of the test's own that goes at its end. `service` is the process, once started.
class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest()
      : root_(boost::filesystem::temp_directory_path() /
              boost::filesystem::unique_path("cg-%%%%-%%%%-%%%%")) {
    boost::filesystem::create_directories(root_);
  }
  ~ProcessTest() override {
    service.reset();
    boost::filesystem::remove_all(root_);
  }

  /// The service's `--working_dir`, which does not exist before it starts.
  [[nodiscard]] boost::filesystem::path working_dir() const {
    return root_ / "made/by/the service";
  }
  /// For files of the test.
  [[nodiscard]] const boost::filesystem::path& root() const { return root_; }

  /// Starts a process with exactly these arguments. `shell` goes before it, as in ServiceProcess.
  void run(const std::string& binary, const std::vector<std::string>& arguments,
           const Environment& environment = {}, const std::string& shell = "") {
    service.reset();  // one at a time, also where both write their output
    service = std::make_unique<ServiceProcess>(binary, arguments, root_, environment, shell);
  }

  /// Starts a process as clients do and returns once it serves.
  void serve(const std::string& binary, std::vector<std::string> arguments = {},
             const Environment& environment = {}, const std::string& shell = "") {
    // Of a service that ran there before.
    boost::filesystem::remove(working_dir() / "port.txt");
    boost::filesystem::remove(working_dir() / "pid.txt");
    arguments.insert(arguments.begin(), "--working_dir=" + working_dir().string());
    run(binary, arguments, environment, shell);
    wait_until_serving(working_dir());
  }

  /// Throws std::runtime_error with what the process said if it ends instead.
  void wait_until_serving(const boost::filesystem::path& directory) {
    poll_until([&] {
      if (service->ended()) {
        throw std::runtime_error("the service ended with " + std::to_string(service->wait()) +
                                 ": " + service->stderr_text());
      }
      return boost::filesystem::exists(directory / "pid.txt");
    });
  }

  [[nodiscard]] int port() const { return std::stoi(read_file(working_dir() / "port.txt")); }
  [[nodiscard]] WireClient connect() const {
    return WireClient("localhost:" + std::to_string(port()));
  }

  /// Asks the service to stop; its exit status.
  int stop(int signal = SIGTERM) {
    service->signal(signal);
    return service->wait();
  }

  /// All files in logs/, one after another.
  [[nodiscard]] std::string logs() const {
    std::string text;
    for (const auto& entry : boost::filesystem::directory_iterator(working_dir() / "logs")) {
      text += read_file(entry.path());
    }
    return text;
  }

  void wait_for_log(const std::string& text) const {
    poll_until([&] { return logs().find(text) != std::string::npos; });
  }

  std::unique_ptr<ServiceProcess> service;

 private:
  const boost::filesystem::path root_;
};

}  // namespace compiler_gym::testing

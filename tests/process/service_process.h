// A service binary as a process of its own, started by hand.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace compiler_gym::testing {

/// What a shell does and no more: runs `./<binary>` in the directory of the test binaries and keeps what it prints. (The
/// load generator's ManagedService adds what clients do; a test of the command line would rather not have that.)
/// Threads:  one at a time.
/// Lifetime: destroying it ends a process that still runs with SIGKILL.
class ServiceProcess {
 public:
  /// `output` is an existing directory for stdout.txt and stderr.txt. `environment` is added to the test's own, and
  /// GRPC_VERBOSITY=NONE as clients set it: gRPC would say on stderr in its own words what the service says in ours.
  /// `shell`: a line for sh(1) to run in the process first, such as `ulimit -n 200`.
  ServiceProcess(const std::string& binary, const std::vector<std::string>& arguments,
                 const boost::filesystem::path& output,
                 const std::map<std::string, std::string>& environment = {},
                 const std::string& shell = "");
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;
  ~ServiceProcess();

  void signal(int number) const;

  /// The exit status, or minus the signal that ended it. Throws std::runtime_error after kWatchdog.
  int wait();
  /// Whether it has ended; does not wait.
  bool ended();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string stdout_text() const;
  [[nodiscard]] std::string stderr_text() const;

 private:
  const boost::filesystem::path output_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// Empty if the file does not exist.
[[nodiscard]] std::string read_file(const boost::filesystem::path& path);

}  // namespace compiler_gym::testing

#include "tests/process/service_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) {
    pointers.push_back(string.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_with(std::map<std::string, std::string> additions) {
  additions.emplace("GRPC_VERBOSITY", "NONE");
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!additions.contains(text.substr(0, text.find('=')))) {
      environment.push_back(text);
    }
  }
  for (const auto& [name, value] : additions) {
    environment.push_back(name + "=" + value);
  }
  return environment;
}

}  // namespace

ServiceProcess::ServiceProcess(const std::string& binary, const std::vector<std::string>& arguments,
                               const boost::filesystem::path& output,
                               const std::map<std::string, std::string>& environment,
                               const std::string& shell)
    : output_(output) {
  std::vector<std::string> command{"./" + binary};
  if (!shell.empty()) {
    command.insert(command.begin(), {"/bin/sh", "-c", shell + "; exec \"$0\" \"$@\""});
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_with(environment);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, COMPILER_GYM_BIN_DIR);
  constexpr int kMake = O_WRONLY | O_CREAT | O_TRUNC;
  const std::string out = (output_ / "stdout.txt").string();
  const std::string err = (output_ / "stderr.txt").string();
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), kMake, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), kMake, 0600);
  const int error = posix_spawn(&pid_, command.front().c_str(), &actions, nullptr,
                                pointers_to(command).data(), pointers_to(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::runtime_error("cannot start " + binary + ": " + std::strerror(error));
  }
}

ServiceProcess::~ServiceProcess() {
  if (!status_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void ServiceProcess::signal(int number) const {
  kill(pid_, number);
}

bool ServiceProcess::ended() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  return status_.has_value();
}

int ServiceProcess::wait() {
  poll_until([this] { return ended(); });
  return *status_;
}

std::string ServiceProcess::stdout_text() const {
  return read_file(output_ / "stdout.txt");
}

std::string ServiceProcess::stderr_text() const {
  return read_file(output_ / "stderr.txt");
}

std::string read_file(const boost::filesystem::path& path) {
  std::ifstream file(path.string(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace compiler_gym::testing

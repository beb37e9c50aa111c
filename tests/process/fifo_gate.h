// A latch between two processes.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/support/poll.h"

namespace compiler_gym::testing {

/// A named pipe at which other processes wait, by reading a byte from it, until the test lets them pass.
class FifoGate {
 public:
  explicit FifoGate(const std::string& path) : path_(path) {
    if (mkfifo(path.c_str(), 0600) != 0) {
      throw std::runtime_error("cannot make " + path + ": " + std::strerror(errno));
    }
  }
  FifoGate(const FifoGate&) = delete;
  FifoGate& operator=(const FifoGate&) = delete;
  /// Whoever still waits passes.
  ~FifoGate() {
    if (writer_ >= 0) {
      close(writer_);
    }
  }

  /// Returns when somebody stands at the gate.
  void wait_for_arrival() {
    poll_until([this] { return (writer_ = open(path_.c_str(), O_WRONLY | O_NONBLOCK)) >= 0; });
  }

  /// Lets those pass who stand at the gate or are yet to come, `count` in all. Somebody has arrived before.
  void let_pass(int count = 1) {
    const std::string permits(static_cast<std::size_t>(count), '.');
    if (write(writer_, permits.data(), permits.size()) != count) {
      throw std::runtime_error("cannot write to " + path_ + ": " + std::strerror(errno));
    }
  }

  /// What the other process does.
  static void wait_at(const std::string& path) {
    const int reader = open(path.c_str(), O_RDONLY);
    char permit = 0;
    static_cast<void>(!read(reader, &permit, 1));
    close(reader);
  }

 private:
  const std::string path_;
  int writer_ = -1;
};

}  // namespace compiler_gym::testing

// Runs commands without blocking an event loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/posix/command_host.h"
#include "core/support/status.h"
#include "sessions/llvm/run/scratch_directory.h"

namespace compiler_gym {

/// Threads:  on one strand.
/// Lifetime: until what was begun has completed. Files are made in a directory of its own under the
///           temporary directory, which is removed with it.
class CommandRunner {
 public:
  /// Errors: INTERNAL if no directory can be made.
  [[nodiscard]] static Result<std::unique_ptr<CommandRunner>> create(
      std::shared_ptr<const CommandHost> host, std::size_t threads);

  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  /// A path for a file, not used before, that ends in `.` and `ending`.
  [[nodiscard]] std::string new_file(const std::string& ending);

  /// Runs it in the current directory of this process.
  /// Errors: INTERNAL with what it wrote to stderr if it does not end with status 0;
  ///         DEADLINE_EXCEEDED after a minute.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_run(std::string command);

  /// Runs a command that makes this object file; how many bytes of code and constants it has, as
  /// llvm-size tells. The file is removed.
  [[nodiscard]] boost::asio::awaitable<Result<std::int64_t>> async_text_size(std::string command,
                                                                             std::string object);

  /// Runs a command that makes this file; what is in it. The file is removed.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> async_output(std::string command,
                                                                         std::string file);

 private:
  CommandRunner(std::shared_ptr<const CommandHost> host, std::size_t threads,
                ScratchDirectory scratch);

  [[nodiscard]] boost::asio::awaitable<Result<std::string>> run(std::string command);

  const std::shared_ptr<const CommandHost> host_;
  const ScratchDirectory scratch_;
  std::uint64_t files_ = 0;
  boost::asio::thread_pool threads_;  // last: they use what is above
};

}  // namespace compiler_gym

#include "tools/search/command_runner.h"

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <charconv>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

#include "core/posix/child_process.h"
#include "core/run_on.h"
#include "tools/search/program_commands.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;

Result<std::string> output_of(const std::string& command, const Result<ProcessResult>& result) {
  if (!result) {
    return result.error();
  }
  if (result->succeeded()) {
    return result->standard_output;
  }
  if (result->end == ProcessEnd::kTimedOut) {
    return deadline_exceeded("it takes longer than a minute: " + command);
  }
  const std::string_view message = result->standard_error;
  return internal_error("it failed: " + command + "\n" +
                        std::string(message.substr(0, message.find_last_not_of('\n') + 1)));
}

// The number in the second line's first column.
std::optional<std::int64_t> parse_text_size(std::string_view table) {
  const std::size_t line = table.find('\n');
  if (line == std::string_view::npos) {
    return std::nullopt;
  }
  table.remove_prefix(std::min(table.find_first_of("0123456789", line), table.size()));
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(table.data(), table.data() + table.size(), size);
  return error == std::errc() ? std::optional(size) : std::nullopt;
}

}  // namespace

CommandRunner::CommandRunner(std::shared_ptr<const CommandHost> host, std::size_t threads,
                             ScratchDirectory scratch)
    : host_(std::move(host)), scratch_(std::move(scratch)), threads_(threads) {}

Result<std::unique_ptr<CommandRunner>> CommandRunner::create(
    std::shared_ptr<const CommandHost> host, std::size_t threads) {
  Result<ScratchDirectory> scratch = ScratchDirectory::create(fs::temp_directory_path());
  if (!scratch) {
    return scratch.error();
  }
  return std::unique_ptr<CommandRunner>(
      new CommandRunner(std::move(host), threads, *std::move(scratch)));
}

std::string CommandRunner::new_file(const std::string& ending) {
  return (scratch_.path() / (std::to_string(++files_) + "." + ending)).string();
}

asio::awaitable<Result<std::string>> CommandRunner::run(std::string command) {
  ShellCommand shell_command;
  shell_command.command = command;
  shell_command.directory = fs::current_path();
  auto work = [host = host_.get(), shell_command = std::move(shell_command)] {
    return std::optional(host->run(shell_command, std::stop_token()));
  };
  const auto result = co_await run_on(threads_.get_executor(), std::move(work));
  co_return output_of(command, *result);
}

asio::awaitable<grpc::Status> CommandRunner::async_run(std::string command) {
  const Result<std::string> output = co_await run(std::move(command));
  co_return output ? grpc::Status::OK : output.error();
}

asio::awaitable<Result<std::int64_t>> CommandRunner::async_text_size(std::string command,
                                                                     std::string object) {
  std::string with_size = command + " && llvm-size-19 " + shell_word(object);
  const Result<std::string> output = co_await run(std::move(with_size));
  boost::system::error_code ignored;
  fs::remove(object, ignored);
  if (!output) {
    co_return output.error();
  }
  const std::optional<std::int64_t> size = parse_text_size(*output);
  if (!size) {
    co_return internal_error("llvm-size-19 prints no size: " + *output);
  }
  co_return *size;
}

asio::awaitable<Result<std::string>> CommandRunner::async_output(std::string command,
                                                                 std::string file) {
  const grpc::Status status = co_await async_run(std::move(command));
  Result<std::string> output = status.ok() ? read_file(file) : Result<std::string>(status);
  boost::system::error_code ignored;
  fs::remove(file, ignored);
  co_return output;
}

}  // namespace compiler_gym

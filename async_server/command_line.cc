#include "async_server/command_line.h"

#include <fmt/core.h>

#include <boost/program_options.hpp>
#include <vector>

#include "async_server/internal/flag_table.h"
#include "async_server/internal/flag_text.h"
#include "async_server/internal/flag_values.h"
#include "async_server/memory_budget.h"
#include "async_server/version.h"

namespace compiler_gym {
namespace {

namespace po = boost::program_options;
using Texts = std::vector<std::string>;
using internal::Flag;
using internal::FlagValues;
using internal::service_flags;

// A service takes no positional arguments; they are collected so that the error can name the first
// one.
constexpr const char* kStray = "stray";

// Values stay text until the table reads them, so that every error names the flag, the value and the
// limits in one form.
po::options_description describe() {
  po::options_description options;
  auto add = options.add_options();
  for (const Flag& flag : service_flags()) {
    if (flag.argument.empty()) {
      add(flag.name.c_str(), "");
      continue;
    }
    auto* const value = po::value<Texts>()->composing();
    if (flag.is_switch) {
      value->implicit_value({"true"}, "true");
    }
    add(flag.name.c_str(), value, "");
  }
  add(kStray, po::value<Texts>());
  return options;
}

std::string without_dashes(const std::string& flag) {
  const auto first = flag.find_first_not_of('-');
  const std::string name = first == std::string::npos ? flag : flag.substr(first);
  return name.substr(0, name.find('='));
}

Result<po::variables_map> read_arguments(int argc, const char* const* argv) {
  const po::options_description options = describe();
  po::positional_options_description stray_arguments;
  stray_arguments.add(kStray, -1);
  po::variables_map given;
  try {
    po::command_line_parser parser(argc, argv);
    parser.options(options).positional(stray_arguments);  // keeps references to both
    parser.style(po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                 po::command_line_style::long_allow_next |
                 po::command_line_style::allow_long_disguise);
    po::store(parser.run(), given);
  } catch (const po::unknown_option& error) {
    return invalid_argument(
        fmt::format("unknown command line flag '{}'", without_dashes(error.get_option_name())));
  } catch (const po::invalid_command_line_syntax& error) {
    return invalid_argument(
        fmt::format("flag '{}': a value is missing", without_dashes(error.get_option_name())));
  } catch (const po::error& error) {
    return invalid_argument(error.what());
  }
  if (given.count(kStray) > 0) {
    const std::string& stray = given[kStray].as<Texts>().front();
    return invalid_argument(
        stray.starts_with('-')
            ? fmt::format("unknown command line flag '{}'", without_dashes(stray))
            : fmt::format("unexpected command line argument '{}'", stray));
  }
  return given;
}

std::string program_name(const char* path) {
  const std::string name = boost::filesystem::path(path).filename().string();
  return name.empty() ? "service" : name;
}

std::optional<PrintAndExit> what_to_print(const po::variables_map& given, const char* program,
                                          const std::string& usage) {
  if (given.count("help") > 0) {
    return PrintAndExit{internal::help_text(usage)};
  }
  if (given.count("help-all") > 0) {
    return PrintAndExit{internal::full_help_text(usage)};
  }
  if (given.count("help-man") > 0) {
    return PrintAndExit{internal::man_page(program_name(program), usage)};
  }
  if (given.count("help-markdown") > 0) {
    return PrintAndExit{internal::flags_markdown()};
  }
  if (given.count("version") > 0) {
    return PrintAndExit{std::string(service_version()) + "\n"};
  }
  return std::nullopt;
}

Result<ServiceCommand> read_command(const po::variables_map& given, std::uint64_t default_budget) {
  ServiceCommand command;
  command.server.listen.clear();
  apply_memory_budget(default_budget, command);
  for (const Flag& flag : service_flags()) {
    if (given.count(flag.name) == 0) {
      continue;
    }
    const FlagValues values(flag.name, given[flag.name].as<Texts>());
    if (grpc::Status status = flag.store(values, command); !status.ok()) {
      return status;
    }
  }
  if (command.server.listen.empty()) {
    command.server.listen = {"localhost:0"};
  }
  return command;
}

}  // namespace

void apply_memory_budget(std::uint64_t bytes, ServiceCommand& command) {
  const MemoryBounds bounds = derive_memory_bounds(bytes);
  command.memory_budget = bytes;
  command.server.context.max_benchmark_cache_bytes = bounds.max_benchmark_cache_bytes;
  command.server.context.state_graph_bytes = bounds.state_graph_bytes;
  command.server.max_bytes_in_flight = bounds.max_bytes_in_flight;
  command.server.max_grpc_memory = bounds.max_grpc_memory;
  command.server.max_unread_bytes = bounds.max_unread_bytes;
  command.server.sessions.max_reply_bytes = bounds.max_reply_size;
  command.server.isolation.max_templates = bounds.max_templates;
  command.server.isolation.recycle.max_idle_bytes = bounds.max_idle_bytes;
  command.server.sessions.max_executor_bytes = bounds.max_executor_bytes;
  command.sandbox_limits.memory_in_bytes = bounds.sandbox_memory;
}

Result<std::variant<ServiceCommand, PrintAndExit>> parse_command_line(
    int argc, const char* const* argv, const std::string& usage, std::uint64_t default_budget) {
  const Result<po::variables_map> given = read_arguments(argc, argv);
  if (!given) {
    return given.error();
  }
  if (std::optional<PrintAndExit> print = what_to_print(*given, argv[0], usage)) {
    return *std::move(print);
  }
  Result<ServiceCommand> command = read_command(*given, default_budget);
  if (!command) {
    return command.error();
  }
  return *std::move(command);
}

}  // namespace compiler_gym

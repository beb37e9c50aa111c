// A command and how it ended, as bytes for another process of this program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/posix/child_process.h"
#include "core/support/status.h"

namespace compiler_gym {

[[nodiscard]] std::string bytes_of(const ShellCommand& command);
[[nodiscard]] std::string bytes_of(const Result<ProcessResult>& result);

/// None: these bytes are not all of them.
[[nodiscard]] std::optional<ShellCommand> shell_command_of(std::string_view bytes);
[[nodiscard]] std::optional<Result<ProcessResult>> process_result_of(std::string_view bytes);

}  // namespace compiler_gym

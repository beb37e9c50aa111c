// What the command line says about what sandbox processes may reach.
#pragma once

#include <optional>
#include <string>

#include "async_server/command_line.h"
#include "core/support/status.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym::internal {

/// None: they can do what this process can. INVALID_ARGUMENT if more is required than the kernel has.
[[nodiscard]] Result<std::optional<isolated::Confinement>> sandbox_confinement(
    const ServiceCommand& command);

/// For the log.
[[nodiscard]] std::string describe_confinement(
    const std::optional<isolated::Confinement>& confinement, SandboxMode mode);

}  // namespace compiler_gym::internal

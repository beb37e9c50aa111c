// The parameters of the service itself, which a client sends through any session.
#pragma once

#include <string>

#include "context/context_host.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// Handles the `service.*` keys. Returns the reply.
/// Errors: INVALID_ARGUMENT for a value that is not what the key takes, for a cache larger than the
///         service's operator allows (one client must not take the memory of all), and `Unknown
///         parameter: <key>` for any other key.
[[nodiscard]] Result<std::string> handle_service_parameter(ContextHost& context_host,
                                                           const std::string& key,
                                                           const std::string& value);

}  // namespace compiler_gym::internal

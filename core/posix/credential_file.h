// Files that hold certificates, keys and tokens.
#pragma once

#include <string>

#include "core/support/status.h"

namespace compiler_gym {

/// The whole file. INVALID_ARGUMENT `cannot read <path>: <reason>` or `<path> is empty`.
[[nodiscard]] Result<std::string> read_credential_file(const std::string& path);

/// The same without white space at the end, which editors and `echo` leave in a token's file.
[[nodiscard]] Result<std::string> read_token_file(const std::string& path);

}  // namespace compiler_gym

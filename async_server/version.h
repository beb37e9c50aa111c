// Which version of the service this is.
#pragma once

namespace compiler_gym {

/// The project's version, e.g. "0.1.0": what GetVersion answers and `--version` prints.
[[nodiscard]] const char* service_version();

}  // namespace compiler_gym

// The compilers of this project, by name.
#pragma once

#include <string_view>

#include "async_server/service_plugin.h"
#include "core/support/status.h"

namespace compiler_gym {

/// `example`, or `llvm` where it was built. INVALID_ARGUMENT for another name.
[[nodiscard]] Result<ServicePlugin> plugin_of_compiler(std::string_view name);

}  // namespace compiler_gym

#include "async_server/version.h"

namespace compiler_gym {

const char* service_version() {
  return COMPILER_GYM_SERVICE_VERSION;
}

}  // namespace compiler_gym

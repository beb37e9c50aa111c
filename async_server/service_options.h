// What a service has whichever way it is reached.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstddef>

#include "context/service_context_options.h"
#include "sessions/isolated/isolated_sessions.h"
#include "sessions/session_service.h"

namespace compiler_gym {

/// The options that a server and a service inside an application have in common.
struct ServiceOptions {
  /// Handed to the context. Must exist.
  boost::filesystem::path working_directory;
  /// Threads for steps, and as many more for starting and destroying sessions; see PluginThreads for
  /// services that have none. 0: one per processor, at least 2.
  std::size_t workers = 0;
  ServiceContextOptions context{};
  SessionServiceOptions sessions{};
  /// Requests that were accepted and are not answered yet; beyond, RESOURCE_EXHAUSTED. StartSession and
  /// AddBenchmark may take half. GetVersion, GetSpaces and EndSession don't count and are always
  /// answered.
  std::size_t max_requests_in_flight = 16'384;
  /// Of isolated sessions.
  isolated::IsolationOptions isolation{};
};

}  // namespace compiler_gym

// The search from beginning to end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "core/completion_queue_pump.h"
#include "core/posix/command_host.h"
#include "core/support/status.h"
#include "tools/search/search_options.h"
#include "tools/search/search_report.h"

namespace compiler_gym {

/// Starts the service, loads the programs, searches with each method on each, checks what was found, and
/// drains the service. Searches run at the same time, `sessions` of them, and know nothing of each other:
/// with a budget of steps the report does not depend on how fast anything was, as long as nothing hangs.
/// SIGINT and SIGTERM end the searches early; what was found until then is checked.
/// Executor: the coroutine's, which must be a strand.
/// Errors:   whatever keeps all of it from being done; INTERNAL if the service did not end with status 0.
///           What is wrong with one program is in the report.
[[nodiscard]] boost::asio::awaitable<Result<SearchReport>> async_run_search(
    CompletionQueuePump& pump, SearchOptions options,
    std::shared_ptr<const CommandHost> command_host);

}  // namespace compiler_gym

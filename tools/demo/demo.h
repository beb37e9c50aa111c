// The demo from beginning to end.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "tools/demo/demo_options.h"
#include "tools/demo/demo_report.h"

namespace compiler_gym {

/// Starts the service, searches, verifies, and drains the service. SIGINT and SIGTERM end the search early.
/// Executor: the coroutine's, which must be a strand.
/// Errors:   whatever keeps a part from being done, in words that say which; INTERNAL if the service did
///           not end with status 0.
[[nodiscard]] boost::asio::awaitable<Result<DemoReport>> async_run_demo(CompletionQueuePump& pump,
                                                                        DemoOptions options);

}  // namespace compiler_gym

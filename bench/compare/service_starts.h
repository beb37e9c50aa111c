// How long a service takes to start.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "bench/compare/measurement.h"
#include "client/managed_service.h"
#include "core/completion_queue_pump.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Starts the service and stops it again, one after the other for so long, and at least three times.
/// What is measured goes from the start of its process until it has answered a GetVersion on
/// a new connection; there is no rate, as it would be that of stopping it as well.
/// Errors: why it does not start, answer or end with status 0.
[[nodiscard]] boost::asio::awaitable<Result<Measurement>> async_measure_service_starts(
    CompletionQueuePump& pump, ManagedServiceOptions options, std::chrono::milliseconds duration);

}  // namespace compiler_gym

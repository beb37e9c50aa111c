// A session that the soak starts itself, beside those of the load.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "client/service_client.h"
#include "core/support/clock.h"

namespace compiler_gym {

/// Of every call: a service that hangs is to be reported.
inline constexpr CallOptions kSoakPatience{.timeout = std::chrono::seconds(60)};

/// Completes after so long.
[[nodiscard]] boost::asio::awaitable<void> async_pause(Clock::duration time);

/// The request for a session on this program, as a benchmark of that name.
[[nodiscard]] StartSessionRequest soak_session(const std::string& name, std::string program);

/// Starts the session and ends it. `client` must live until it completes.
/// Errors: those of the two calls.
[[nodiscard]] boost::asio::awaitable<grpc::Status> async_start_and_end(ServiceClient& client,
                                                                       StartSessionRequest start);

}  // namespace compiler_gym

// What runs the sessions of a plug-in: threads and processes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/support/logger.h"
#include "core/worker_pool.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/isolated/isolated_sessions.h"

namespace compiler_gym::internal {

/// As many threads as asked for; for 0 one per processor, at least 2.
[[nodiscard]] std::size_t worker_count(std::size_t asked);

/// What makes isolated sessions, in processes forked from the zygote; null without one.
[[nodiscard]] std::unique_ptr<isolated::IsolatedSessions> make_isolated_sessions(
    boost::asio::io_context& io_context, std::optional<isolated::Zygote> zygote,
    isolated::IsolationOptions options, std::function<std::string(const Benchmark&)> program_stamp,
    WorkerPool& workers, Logger& logger);

}  // namespace compiler_gym::internal

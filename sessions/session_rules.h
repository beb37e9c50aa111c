// What StartSession, ForkSession, Step and SendSessionParameter do to a plug-in's session, in which
// order, and which status comes of it. Plain functions that block: no threads, no locks, no
// transport.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "context/benchmark_cache.h"
#include "context/step_outcome.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/compilation_session.h"
#include "sessions/service_spaces.h"

namespace compiler_gym {

/// Moves the request's benchmark into the cache if it brings a program, and looks up the one it
/// names. INVALID_ARGUMENT without a URI, NOT_FOUND `Benchmark not found`.
[[nodiscard]] Result<std::shared_ptr<const Benchmark>> find_benchmark(StartSessionRequest& request,
                                                                      BenchmarkCache& benchmarks);

/// INVALID_ARGUMENT for an action space or an observation space that there is not.
[[nodiscard]] grpc::Status check_indices(const ServiceSpaces& spaces,
                                         const StartSessionRequest& request);

/// Initialises `session`. The action space is a valid index.
[[nodiscard]] grpc::Status run_init(CompilationSession& session, const ServiceSpaces& spaces,
                                    int action_space, std::shared_ptr<const Benchmark> benchmark,
                                    const std::stop_token& stop);

/// Computes the observations that a session is started with. RESOURCE_EXHAUSTED once they have more
/// bytes together than a reply may have, as in a step.
[[nodiscard]] grpc::Status run_start_observations(
    CompilationSession& session, const ServiceSpaces& spaces, const StartSessionRequest& request,
    StartSessionReply& reply, const std::stop_token& stop, std::size_t max_reply_bytes = SIZE_MAX);

/// The three above, one after the other.
[[nodiscard]] grpc::Status run_start(CompilationSession& session, const ServiceSpaces& spaces,
                                     const StartSessionRequest& request,
                                     std::shared_ptr<const Benchmark> benchmark,
                                     StartSessionReply& reply, const std::stop_token& stop,
                                     std::size_t max_reply_bytes = SIZE_MAX);

/// Initialises `session` as a fork of `parent`.
[[nodiscard]] grpc::Status run_fork(CompilationSession& session, CompilationSession& parent,
                                    const std::stop_token& stop);

/// Applies the actions in order, then computes the observations, then calls the end-of-step hook.
/// Actions that were applied before an error stay applied, see after_actions(). CANCELLED between two of
/// them if `stop` was requested. `outcome`, if there is one, is filled but for its observations.
[[nodiscard]] grpc::Status run_step(CompilationSession& session, const ServiceSpaces& spaces,
                                    const StepRequest& request, StepReply& reply,
                                    const std::stop_token& stop,
                                    std::size_t max_reply_bytes = SIZE_MAX,
                                    StepOutcome* outcome = nullptr);

/// What a step says that failed with `why` when `applied` of its `actions` were done: that, in words
/// which are the same whatever it failed of. It is left out of a single action's text and of
/// INVALID_ARGUMENT: clients compare those word for word, and what they mean is fixed: all before the
/// action that was refused remain. `remain`: the session has them from here on.
[[nodiscard]] grpc::Status after_actions(const grpc::Status& why, int applied, int actions,
                                         bool remain);

/// What becomes of a reply that is larger than --max_reply_size: RESOURCE_EXHAUSTED.
[[nodiscard]] grpc::Status reply_too_large(std::size_t bytes, std::size_t limit);

/// Offers the session the parameters that have no reply yet, in order, up to the first that it does
/// not know: the caller sees that by there being fewer replies than parameters.
[[nodiscard]] grpc::Status run_parameters(CompilationSession& session,
                                          const SendSessionParameterRequest& request,
                                          SendSessionParameterReply& reply,
                                          const std::stop_token& stop);

/// What becomes of a request whose client left while it waited.
[[nodiscard]] grpc::Status cancelled_before_its_turn();

/// What becomes of a request to a session that there is not, or not any more: NOT_FOUND.
[[nodiscard]] grpc::Status session_not_found(std::int64_t id);

/// What becomes of a request once the service is shutting down: UNAVAILABLE.
[[nodiscard]] grpc::Status shutting_down();

}  // namespace compiler_gym

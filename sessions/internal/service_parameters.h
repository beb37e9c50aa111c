// The parameters of the service itself, which a client sends through any session.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "context/benchmark_cache.h"

namespace compiler_gym::internal {

/// Handles the `service.*` keys by setting `reply`; leaves it unset for any other.
/// Errors: INVALID_ARGUMENT for a value that is not what the key takes.
[[nodiscard]] grpc::Status handle_service_parameter(BenchmarkCache& benchmarks,
                                                    const std::string& key,
                                                    const std::string& value,
                                                    std::optional<std::string>& reply);

}  // namespace compiler_gym::internal

// The one error type of the project and the one set of functions that makes it.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/system/result.hpp>
#include <string>

namespace compiler_gym {

/// A value, or the status that says why there is none.
template <typename T>
using Result = boost::system::result<T, grpc::Status>;

/// The text reaches the client as it is: it names the thing at fault and the limit, never a source file or a line.
[[nodiscard]] grpc::Status invalid_argument(std::string message);
[[nodiscard]] grpc::Status not_found(std::string message);
[[nodiscard]] grpc::Status failed_precondition(std::string message);
[[nodiscard]] grpc::Status resource_exhausted(std::string message);
[[nodiscard]] grpc::Status unimplemented(std::string message);
[[nodiscard]] grpc::Status internal_error(std::string message);
[[nodiscard]] grpc::Status unavailable(std::string message);
[[nodiscard]] grpc::Status cancelled(std::string message);
[[nodiscard]] grpc::Status deadline_exceeded(std::string message);
[[nodiscard]] grpc::Status data_loss(std::string message);

/// What an exception thrown by plug-in code becomes: INTERNAL, `Unhandled exception: <what()>`. Call it in a catch
/// block. An Asio operation that was cancelled (operation_aborted) becomes CANCELLED. The only place where an exception
/// turns into a status.
[[nodiscard]] grpc::Status status_from_current_exception();

/// `NOT_FOUND: Session not found: 3`, for logs and for test failures; `OK` if it is.
[[nodiscard]] std::string to_string(const grpc::Status& status);

/// The code's name as the gRPC specification spells it, e.g. `INVALID_ARGUMENT`.
[[nodiscard]] const char* to_string(grpc::StatusCode code);

}  // namespace compiler_gym

// The one error type of the project and the one set of functions that makes it.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/system/result.hpp>
#include <string>

namespace compiler_gym {

/// A value, or the status that says why there is none.
template <typename T>
using Result = boost::system::result<T, grpc::Status>;

/// The text reaches the client as it is: it names the thing at fault and the limit, never a source
/// file or a line.
[[nodiscard]] grpc::Status invalid_argument(const std::string& message);
[[nodiscard]] grpc::Status not_found(const std::string& message);
[[nodiscard]] grpc::Status failed_precondition(const std::string& message);
[[nodiscard]] grpc::Status resource_exhausted(const std::string& message);
[[nodiscard]] grpc::Status unimplemented(const std::string& message);
[[nodiscard]] grpc::Status internal_error(const std::string& message);
[[nodiscard]] grpc::Status unavailable(const std::string& message);
[[nodiscard]] grpc::Status cancelled(const std::string& message);
[[nodiscard]] grpc::Status deadline_exceeded(const std::string& message);
[[nodiscard]] grpc::Status data_loss(const std::string& message);

/// Whether an error number of the system says that the machine, or what this process may take of it, is
/// used up: memory, processes and threads, descriptors, room on the disk. That is nobody's fault who
/// asked for something, and passes: RESOURCE_EXHAUSTED. EAGAIN is one where a process, a thread or
/// memory was asked for; of a non-blocking descriptor it says something else, which is not asked here.
[[nodiscard]] bool is_shortage(int error_number);

/// What an exception thrown by plug-in code becomes: INTERNAL, `Unhandled exception: <what()>`.
/// Call it in a catch block. A system's error that is_shortage() becomes RESOURCE_EXHAUSTED, an Asio
/// operation that was cancelled (operation_aborted) CANCELLED. The only place where an exception turns
/// into a status.
[[nodiscard]] grpc::Status status_from_current_exception();

/// `NOT_FOUND: Session not found: 3`, for logs and for test failures; `OK` if it is.
[[nodiscard]] std::string to_string(const grpc::Status& status);

/// The code's name as the gRPC specification spells it, e.g. `INVALID_ARGUMENT`.
[[nodiscard]] const char* to_string(grpc::StatusCode code);

}  // namespace compiler_gym

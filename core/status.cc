#include "core/status.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>

namespace compiler_gym {

grpc::Status invalid_argument(std::string message) {
  return {grpc::StatusCode::INVALID_ARGUMENT, std::move(message)};
}

grpc::Status not_found(std::string message) {
  return {grpc::StatusCode::NOT_FOUND, std::move(message)};
}

grpc::Status failed_precondition(std::string message) {
  return {grpc::StatusCode::FAILED_PRECONDITION, std::move(message)};
}

grpc::Status resource_exhausted(std::string message) {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, std::move(message)};
}

grpc::Status unimplemented(std::string message) {
  return {grpc::StatusCode::UNIMPLEMENTED, std::move(message)};
}

grpc::Status internal_error(std::string message) {
  return {grpc::StatusCode::INTERNAL, std::move(message)};
}

grpc::Status unavailable(std::string message) {
  return {grpc::StatusCode::UNAVAILABLE, std::move(message)};
}

grpc::Status cancelled(std::string message) {
  return {grpc::StatusCode::CANCELLED, std::move(message)};
}

grpc::Status deadline_exceeded(std::string message) {
  return {grpc::StatusCode::DEADLINE_EXCEEDED, std::move(message)};
}

grpc::Status data_loss(std::string message) {
  return {grpc::StatusCode::DATA_LOSS, std::move(message)};
}

grpc::Status status_from_current_exception() {
  try {
    throw;
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) {
      return cancelled("operation cancelled");
    }
    return internal_error(std::string("Unhandled exception: ") + error.what());
  } catch (const std::exception& error) {
    return internal_error(std::string("Unhandled exception: ") + error.what());
  } catch (...) {
    return internal_error("Unhandled exception: not derived from std::exception");
  }
}

const char* to_string(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::UNKNOWN:
      return "UNKNOWN";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    default:
      return "UNRECOGNISED";
  }
}

std::string to_string(const grpc::Status& status) {
  if (status.ok()) {
    return "OK";
  }
  return std::string(to_string(status.error_code())) + ": " + status.error_message();
}

}  // namespace compiler_gym

#include "core/support/status.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <system_error>

namespace compiler_gym {

grpc::Status invalid_argument(const std::string& message) {
  return {grpc::StatusCode::INVALID_ARGUMENT, message};
}

grpc::Status not_found(const std::string& message) {
  return {grpc::StatusCode::NOT_FOUND, message};
}

grpc::Status failed_precondition(const std::string& message) {
  return {grpc::StatusCode::FAILED_PRECONDITION, message};
}

grpc::Status resource_exhausted(const std::string& message) {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, message};
}

grpc::Status unimplemented(const std::string& message) {
  return {grpc::StatusCode::UNIMPLEMENTED, message};
}

grpc::Status internal_error(const std::string& message) {
  return {grpc::StatusCode::INTERNAL, message};
}

grpc::Status unavailable(const std::string& message) {
  return {grpc::StatusCode::UNAVAILABLE, message};
}

grpc::Status cancelled(const std::string& message) {
  return {grpc::StatusCode::CANCELLED, message};
}

grpc::Status deadline_exceeded(const std::string& message) {
  return {grpc::StatusCode::DEADLINE_EXCEEDED, message};
}

grpc::Status data_loss(const std::string& message) {
  return {grpc::StatusCode::DATA_LOSS, message};
}

namespace {

// Of the machine, and so nobody's fault who asked for something: of threads, memory, descriptors, room for files.
bool is_shortage(const std::error_code& code) {
  static constexpr std::array kShortages{
      std::errc::resource_unavailable_try_again, std::errc::not_enough_memory,
      std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
      std::errc::no_space_on_device};
  return std::find(kShortages.begin(), kShortages.end(), code) != kShortages.end();
}

}  // namespace

grpc::Status status_from_current_exception() {
  try {
    throw;
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) {
      return cancelled("operation cancelled");
    }
    return internal_error(std::string("Unhandled exception: ") + error.what());
  } catch (const std::system_error& error) {
    const std::string text = std::string("Unhandled exception: ") + error.what();
    return is_shortage(error.code()) ? resource_exhausted(text) : internal_error(text);
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

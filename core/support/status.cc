#include "core/support/status.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
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

bool is_shortage(int error_number) {
  static constexpr std::array kShortages{
      EAGAIN,                   // a process or a thread; memory that may be locked
      ENOMEM, ENOBUFS,          // memory, of the process or of the kernel
      EMFILE, ENFILE,           // descriptors, of the process or of the system
      ENOSPC, EDQUOT,  EFBIG};  // room for files: of the disk, the user, one file
  return std::find(kShortages.begin(), kShortages.end(), error_number) != kShortages.end();
}

namespace {

// std's or Boost's; the two categories whose values are error numbers of the system.
template <typename SystemError, typename Category>
grpc::Status system_error_status(const SystemError& error, const Category& system,
                                 const Category& generic) {
  const std::string text = std::string("Unhandled exception: ") + error.what();
  const auto code = error.code();
  const bool is_number = code.category() == system || code.category() == generic;
  return is_number && is_shortage(code.value()) ? resource_exhausted(text) : internal_error(text);
}

}  // namespace

grpc::Status status_from_current_exception() {
  try {
    throw;
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) {
      return cancelled("operation cancelled");
    }
    return system_error_status(error, boost::system::system_category(),
                               boost::system::generic_category());
  } catch (const std::system_error& error) {
    return system_error_status(error, std::system_category(), std::generic_category());
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

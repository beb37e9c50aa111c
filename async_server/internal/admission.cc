#include "async_server/internal/admission.h"

#include "sessions/session_rules.h"

namespace compiler_gym::internal {

grpc::Status Admission::check() const {
  if (refusing_.stop_requested()) {
    return shutting_down();
  }
  if (!open_) {
    return failed_precondition("async_start() has not completed");
  }
  return grpc::Status::OK;
}

Result<RequestBudget::Share> Admission::admit(AdmissionClass admission_class, std::size_t bytes) {
  if (grpc::Status admitted = check(); !admitted.ok()) {
    return admitted;
  }
  return budget_.take(admission_class, bytes);
}

}  // namespace compiler_gym::internal

#include "async_server/internal/request_budget.h"

#include <fmt/core.h>

#include <string_view>
#include <utility>
#include <vector>

namespace compiler_gym::internal {
namespace {

grpc::Status check(std::string_view what, const RequestBudget::Amount& in_flight,
                   const RequestBudget::Amount& limit, std::size_t more_bytes) {
  if (in_flight.requests >= limit.requests) {
    return resource_exhausted(fmt::format("{} {} are in flight already, the limit is {}",
                                          in_flight.requests, what, limit.requests));
  }
  if (more_bytes > limit.bytes || in_flight.bytes > limit.bytes - more_bytes) {
    return resource_exhausted(
        fmt::format("{} bytes of {} are in flight, {} more exceed the limit "
                    "of {}",
                    in_flight.bytes, what, more_bytes, limit.bytes));
  }
  return grpc::Status::OK;
}

}  // namespace

Result<RequestBudget::Share> RequestBudget::take(AdmissionClass admission_class,
                                                 std::size_t bytes) {
  if (admission_class == AdmissionClass::kAlways) {
    return bytes <= kMaxSmallRequestBytes
               ? Result<Share>(Share())
               : resource_exhausted(
                     fmt::format("The request has {} bytes, the limit for one of its kind is {}",
                                 bytes, kMaxSmallRequestBytes));
  }
  const std::lock_guard lock(mutex_);
  grpc::Status status = check("requests", all_, limit_, bytes);
  if (status.ok() && admission_class == AdmissionClass::kStart) {
    // Of an odd number the larger half, so that a limit of one request lets sessions start.
    const Amount half{(limit_.requests + 1) / 2, (limit_.bytes + 1) / 2};
    status = check("requests to start sessions or add benchmarks", starts_, half, bytes);
  }
  if (!status.ok()) {
    return status;
  }
  for (Amount* amount : {&all_, admission_class == AdmissionClass::kStart ? &starts_ : nullptr}) {
    if (amount != nullptr) {
      ++amount->requests;
      amount->bytes += bytes;
    }
  }
  return Share(Taken{this, admission_class, bytes});
}

RequestBudget::Amount RequestBudget::in_flight() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

void RequestBudget::give_back(AdmissionClass admission_class, std::size_t bytes) {
  std::vector<Waiting> told;
  {
    const std::lock_guard lock(mutex_);
    for (Amount* amount : {&all_, admission_class == AdmissionClass::kStart ? &starts_ : nullptr}) {
      if (amount != nullptr) {
        --amount->requests;
        amount->bytes -= bytes;
      }
    }
    while (!waiting_.empty() && has_room_locked(waiting_.front().bytes)) {
      told.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
  }
  for (Waiting& one : told) {
    one.handler();
  }
}

bool RequestBudget::has_room_locked(std::size_t bytes) const {
  return all_.bytes == 0 || (bytes <= limit_.bytes && all_.bytes <= limit_.bytes - bytes);
}

void RequestBudget::wait_for_room(std::size_t bytes, Handler handler) {
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty() || !has_room_locked(bytes)) {
      waiting_.push_back({bytes, std::move(handler)});
      return;
    }
  }
  handler();
}

}  // namespace compiler_gym::internal

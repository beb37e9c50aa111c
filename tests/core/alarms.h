// gRPC's simplest asynchronous operation, as the two cases a test needs.
#pragma once

#include <grpcpp/alarm.h>

#include <chrono>

namespace compiler_gym::testing {

/// Puts an event with `ok == true` into the queue before it returns: gRPC fires an alarm of the
/// past while it is set.
inline void set_due(grpc::Alarm& alarm, grpc::CompletionQueue& queue, void* tag) {
  alarm.Set(&queue, std::chrono::system_clock::time_point{}, tag);
}

/// An event that comes when the alarm is cancelled, with `ok == false`; in a day if it is not.
inline void set_far_off(grpc::Alarm& alarm, grpc::CompletionQueue& queue, void* tag) {
  alarm.Set(&queue, std::chrono::system_clock::now() + std::chrono::hours(24), tag);
}

}  // namespace compiler_gym::testing

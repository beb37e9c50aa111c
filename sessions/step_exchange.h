// A step's request and reply on their way through the service.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "context/step_outcome.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// Both messages in the form in which they came. What a sandbox process is asked and answers are the
/// wire's own bytes: they are handed on, rather than made of one message and into another. A reply
/// can be hundreds of megabytes, and some times that as an object.
/// Threads:  one at a time.
/// Lifetime: the request, its bytes and the reply must outlive it.
class StepExchange {
 public:
  /// `request_bytes`: what the request was parsed from, if that is still there.
  StepExchange(const StepRequest& request, StepReply& reply, std::string_view request_bytes = {})
      : request_(request), request_bytes_(request_bytes), reply_(reply) {}
  StepExchange(StepExchange&&) = default;
  StepExchange& operator=(StepExchange&&) = delete;

  [[nodiscard]] const StepRequest& request() const { return request_; }
  /// Empty if there is the message only.
  [[nodiscard]] std::string_view request_bytes() const { return request_bytes_; }

  /// By who wants to know what each action did, if the step succeeds. The outcome must outlive this; its
  /// observations are left to who has the reply.
  void record(StepOutcome& outcome) { outcome_ = &outcome; }
  /// Null: nobody does.
  [[nodiscard]] StepOutcome* outcome() const { return outcome_; }

  /// To be filled by who computes it here,
  [[nodiscard]] StepReply& reply() const { return reply_; }
  /// and set by who gets it as bytes.
  void set_reply_bytes(std::string bytes) {
    reply_bytes_ = std::move(bytes);
    reply_is_bytes_ = true;
  }

  /// Of a step that succeeded: whether the reply is its bytes, and not the message.
  [[nodiscard]] bool reply_is_bytes() const { return reply_is_bytes_; }
  [[nodiscard]] std::string_view reply_bytes() const { return reply_bytes_; }
  [[nodiscard]] std::string take_reply_bytes() { return std::move(reply_bytes_); }
  /// For who needs the message whatever it came as. INTERNAL if the bytes can't be parsed.
  [[nodiscard]] grpc::Status parse_reply() {
    if (!reply_is_bytes_) {
      return grpc::Status::OK;
    }
    const std::string bytes = take_reply_bytes();
    reply_is_bytes_ = false;
    return reply_.ParseFromString(bytes)
               ? grpc::Status::OK
               : internal_error("A sandbox process sent what can't be parsed");
  }

 private:
  const StepRequest& request_;
  const std::string_view request_bytes_;
  StepReply& reply_;
  StepOutcome* outcome_ = nullptr;
  std::string reply_bytes_;
  bool reply_is_bytes_ = false;
};

}  // namespace compiler_gym

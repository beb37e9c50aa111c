// Whether a session's program still does what its benchmark does.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/run/sanitizer.h"

namespace compiler_gym {

class LlvmServiceContext;
class LoadedBenchmark;
class ProgramValidator;

/// The observation `Validation` of one session: builds and runs what the session has made of the
/// benchmark, and compares with what the benchmark does, which is run when this is first asked for.
/// Threads: one at a time; blocks for as long as the programs run, a few times their time at first.
class ValidationObservation {
 public:
  ValidationObservation();
  ~ValidationObservation();

  /// Fills in an Opaque of the format `json://`: `{"verdict": "...", "reason": "..."}`, the verdict as
  /// to_string(Verdict) has it, the reason empty if that is `validated`.
  /// Errors: INVALID_ARGUMENT naming the benchmark if it has no commands to build and run it, or if
  ///         these do not work before anything is done to it; CANCELLED; UNAVAILABLE if the machine
  ///         lacks something, such as the sanitizer's library, and FAILED_PRECONDITION if that is a
  ///         clang; those of sanitized_bitcode().
  [[nodiscard]] grpc::Status compute(const LoadedBenchmark& benchmark,
                                     const std::string& benchmark_uri, const std::string& bitcode,
                                     LlvmServiceContext& context, const std::stop_token& stop_token,
                                     Event& event);

  /// Whether any program may have been run.
  [[nodiscard]] bool has_run() const { return has_run_; }

  /// What both programs are built with besides; none at first. A fork takes its parent's.
  [[nodiscard]] std::optional<Sanitizer> sanitizer() const { return sanitizer_; }
  void set_sanitizer(std::optional<Sanitizer> sanitizer);

  /// `llvm.{get,set}_validation_sanitizer`: `none`, `address`, `memory` or `thread`. Leaves `reply` unset if
  /// the key is neither.
  /// Errors: INVALID_ARGUMENT for another value, with the sanitizer as it was.
  [[nodiscard]] grpc::Status handle_parameter(std::string_view key, const std::string& value,
                                              std::optional<std::string>& reply);
  [[nodiscard]] static bool is_parameter(std::string_view key);

 private:
  [[nodiscard]] grpc::Status make_validator(const LoadedBenchmark& benchmark,
                                            LlvmServiceContext& context,
                                            const std::stop_token& stop_token);

  std::optional<Sanitizer> sanitizer_;
  std::unique_ptr<ProgramValidator> validator_;  // with that sanitizer
  bool has_run_ = false;
};

}  // namespace compiler_gym

// Whether a session's program still does what its benchmark does.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

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
  ///         lacks something, and FAILED_PRECONDITION if that is a clang.
  [[nodiscard]] grpc::Status compute(const LoadedBenchmark& benchmark,
                                     const std::string& benchmark_uri, const std::string& bitcode,
                                     LlvmServiceContext& context, const std::stop_token& stop_token,
                                     Event& event);

  /// Whether any program may have been run.
  [[nodiscard]] bool has_run() const { return validator_ != nullptr; }

 private:
  std::unique_ptr<ProgramValidator> validator_;
};

}  // namespace compiler_gym

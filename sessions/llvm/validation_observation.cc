#include "sessions/llvm/validation_observation.h"

#include <llvm/Support/JSON.h>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/observations/json_event.h"
#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/program_validator.h"

namespace compiler_gym {
namespace {

// A program may print anything.
std::string json_of(const Validation& validation) {
  return json_text(llvm::json::Object{{"verdict", std::string(to_string(validation.verdict))},
                                      {"reason", llvm::json::fixUTF8(validation.reason)}});
}

grpc::Status cannot_be_validated(const std::string& benchmark_uri, const std::string& why) {
  return invalid_argument("Benchmark \"" + benchmark_uri + "\" can't be validated: " + why);
}

}  // namespace

ValidationObservation::ValidationObservation() = default;
ValidationObservation::~ValidationObservation() = default;

grpc::Status ValidationObservation::compute(const LoadedBenchmark& benchmark,
                                            const std::string& benchmark_uri,
                                            const std::string& bitcode, LlvmServiceContext& context,
                                            const std::stop_token& stop_token, Event& event) {
  if (!is_runnable(benchmark.dynamic_config())) {
    return cannot_be_validated(benchmark_uri, "it has no commands to build and to run it");
  }
  if (validator_ == nullptr) {
    Result<std::string> clang = context.clang().get();
    if (!clang) {
      return clang.error();
    }
    validator_ = std::make_unique<ProgramValidator>(benchmark.dynamic_config(), benchmark.bitcode(),
                                                    *std::move(clang), context.scratchDirectory(),
                                                    context.command_host());
  }
  const Validation validation = validator_->validate(bitcode, stop_token);
  if (stop_token.stop_requested()) {
    return cancelled("Cancelled while a program was validated");
  }
  switch (validation.verdict) {
    case Verdict::kUnusable:
      return cannot_be_validated(benchmark_uri, validation.reason);
    case Verdict::kNotChecked:
      return unavailable("The program could not be validated: " + validation.reason);
    default:
      break;
  }
  fill_json(json_of(validation), event);
  return grpc::Status::OK;
}

}  // namespace compiler_gym

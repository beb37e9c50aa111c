#include "sessions/llvm/validation_observation.h"

#include <llvm/Support/JSON.h>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/observations/json_event.h"
#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/program_validator.h"
#include "sessions/llvm/sanitized_bitcode.h"
#include "sessions/llvm/wrong_value.h"

namespace compiler_gym {
namespace {

constexpr std::string_view kGetSanitizer = "llvm.get_validation_sanitizer";
constexpr std::string_view kSetSanitizer = "llvm.set_validation_sanitizer";
constexpr std::string_view kNoSanitizer = "none";

// As it is to be built.
Result<std::string> prepared(const std::string& bitcode, std::optional<Sanitizer> sanitizer,
                             const std::stop_token& stop_token) {
  return sanitizer.has_value() ? sanitized_bitcode(bitcode, *sanitizer, stop_token)
                               : Result<std::string>(bitcode);
}

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
    if (grpc::Status status = make_validator(benchmark, context, stop_token); !status.ok()) {
      return status;
    }
  }
  const Result<std::string> program = prepared(bitcode, sanitizer_, stop_token);
  if (!program) {
    return program.error();
  }
  has_run_ = true;
  const Validation validation = validator_->validate(*program, stop_token);
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

grpc::Status ValidationObservation::make_validator(const LoadedBenchmark& benchmark,
                                                   LlvmServiceContext& context,
                                                   const std::stop_token& stop_token) {
  Result<std::string> clang = context.clang().get();
  if (!clang) {
    return clang.error();
  }
  Result<std::string> before = prepared(benchmark.bitcode(), sanitizer_, stop_token);
  if (!before) {
    return before.error();
  }
  validator_ = std::make_unique<ProgramValidator>(benchmark.dynamic_config(), *std::move(before),
                                                  *std::move(clang), context.scratchDirectory(),
                                                  context.command_host(), sanitizer_);
  return grpc::Status::OK;
}

void ValidationObservation::set_sanitizer(std::optional<Sanitizer> sanitizer) {
  if (sanitizer != sanitizer_) {
    sanitizer_ = sanitizer;
    validator_.reset();
  }
}

grpc::Status ValidationObservation::handle_parameter(std::string_view key, const std::string& value,
                                                     std::optional<std::string>& reply) {
  if (key == kGetSanitizer) {
    reply = sanitizer_.has_value() ? facts_of(*sanitizer_).name : kNoSanitizer;
    return grpc::Status::OK;
  }
  if (key != kSetSanitizer) {
    return grpc::Status::OK;
  }
  const std::optional<Sanitizer> sanitizer = find_sanitizer(value);
  if (!sanitizer.has_value() && value != kNoSanitizer) {
    return wrong_value(key, std::string(kNoSanitizer) + ", " + sanitizer_names(), value);
  }
  set_sanitizer(sanitizer);
  reply = value;
  return grpc::Status::OK;
}

bool ValidationObservation::is_parameter(std::string_view key) {
  return key == kGetSanitizer || key == kSetSanitizer;
}

}  // namespace compiler_gym

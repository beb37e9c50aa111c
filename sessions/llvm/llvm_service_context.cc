#include "sessions/llvm/llvm_service_context.h"

#include <fmt/core.h>

#include <stop_token>
#include <utility>

#include "sessions/llvm/benchmark_commands.h"
#include "sessions/llvm/benchmark_loader.h"
#include "sessions/llvm/cpu_info.h"
#include "sessions/llvm/crash_recovery.h"

namespace compiler_gym {

LlvmServiceContext::LlvmServiceContext(boost::filesystem::path workingDirectory,
                                       ServiceContextOptions options,
                                       SpareModulesOptions spare_modules)
    : CompilerGymServiceContext(std::move(workingDirectory)),
      bitcode_cache_([this](const Benchmark& benchmark,
                            std::string_view program) { return load(benchmark, program); },
                     std::move(options)),
      spare_modules_(spare_modules) {}

LlvmServiceContext::~LlvmServiceContext() = default;

grpc::Status LlvmServiceContext::init() {
  enable_crash_recovery();
  Result<std::unique_ptr<TargetMachines>> machines = TargetMachines::create();
  if (!machines) {
    return machines.error();
  }
  target_machines_ = *std::move(machines);
  cost_model_ =
      std::make_unique<CostModel>(*target_machines_, clang_, [this] { return scratchDirectory(); });
  cpu_info_json_ = to_json(read_cpu_info());
  return grpc::Status::OK;
}

std::string LlvmServiceContext::programStamp(const Benchmark& benchmark) {
  const auto stamp = BitcodeCache::stamp_of(benchmark);
  return stamp.has_value() ? fmt::format("{}:{}:{}:{}.{}", stamp->device, stamp->inode, stamp->size,
                                         stamp->seconds, stamp->nanoseconds)
                           : "";
}

Result<std::shared_ptr<const LoadedBenchmark>> LlvmServiceContext::load(
    const Benchmark& benchmark, std::string_view program) const {
  Result<LoadedProgram> ready = load_program(program, benchmark.uri());
  if (!ready) {
    return ready.error();
  }
  auto loaded =
      std::make_shared<const LoadedBenchmark>(*std::move(ready), benchmark.dynamic_config());
  if (is_buildable(benchmark.dynamic_config())) {
    // A build command that does not work is to be found out now, when the session starts, and
    // clients expect to find what it makes.
    for (const Cost cost : {Cost::kObjectTextSize, Cost::kTextSize}) {
      const Result<std::int64_t> built =
          loaded->baseline_cost(Baseline::kO0, cost, *cost_model_, std::stop_token());
      if (!built) {
        return built.error();
      }
    }
  }
  return loaded;
}

}  // namespace compiler_gym

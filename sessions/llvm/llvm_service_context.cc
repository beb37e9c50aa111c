#include "sessions/llvm/llvm_service_context.h"

#include <fmt/core.h>
#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/posix/processors.h"
#include "core/support/logger.h"
#include "sessions/llvm/costs/object_size.h"
#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/observations/cpu_info.h"
#include "sessions/llvm/run/benchmark_commands.h"

namespace compiler_gym {
namespace {

std::string function_that_does_nothing() {
  llvm::LLVMContext context;
  llvm::Module module("-", context);
  llvm::Type* const nothing = llvm::Type::getVoidTy(context);
  auto* const function = llvm::Function::Create(llvm::FunctionType::get(nothing, false),
                                                llvm::Function::ExternalLinkage, "f", module);
  llvm::ReturnInst::Create(context, llvm::BasicBlock::Create(context, "", function));
  return write_bitcode(module);
}

MeasurementProcessor choose_measurement_processor(std::optional<int> reserved) {
  if (reserved) {
    return {.number = *reserved, .reserved = true};
  }
  const std::vector<int> processors = allowed_processors();
  return {.number = processors.empty() ? 0 : processors.back()};
}

}  // namespace

LlvmServiceContext::LlvmServiceContext(boost::filesystem::path workingDirectory,
                                       ServiceContextOptions options,
                                       SpareModulesOptions spare_modules)
    : CompilerGymServiceContext(std::move(workingDirectory)),
      command_host_(options.command_host),
      stored_baselines_(this->workingDirectory() / "baselines.v1"),
      logger_(options.logger),
      load_options_{.allow_assembler_files = options.allow_assembler_files},
      observation_list_(options.all_observations ? ObservationList::kAll
                                                 : ObservationList::kCompilerGym),
      measurement_processor_(choose_measurement_processor(options.measurement_processor)),
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
  machines = TargetMachines::create(CodeGeneration::kOptimised);
  if (!machines) {
    return machines.error();
  }
  optimising_machines_ = *std::move(machines);
  cost_model_ = std::make_unique<CostModel>(
      *target_machines_, *optimising_machines_, clang_, [this] { return scratchDirectory(); },
      command_host());
  cost_model_->set_stored_baselines(&stored_baselines_);
  if (logger_ != nullptr) {  // this is the service, not the process that its sandboxes come from
    if (const std::size_t damaged = stored_baselines_.repair(); damaged > 0) {
      logger_->error("{}: {} damaged entries, which are ignored", stored_baselines_.file().string(),
                     damaged);
    }
  }
  return grpc::Status::OK;
}

grpc::Status LlvmServiceContext::warmUp() {
  static_cast<void>(cpu_info_json());  // sandboxes may not read what it is read from
  for (TargetMachines* each : {target_machines_.get(), optimising_machines_.get()}) {
    const bool used = each == target_machines_.get() || observation_list_ == ObservationList::kAll;
    const Result<std::int64_t> size =
        used ? object_text_size(function_that_does_nothing(), *each) : Result<std::int64_t>(0);
    if (!size) {
      return size.error();
    }
  }
  return grpc::Status::OK;
}

const std::string& LlvmServiceContext::cpu_info_json() {
  std::call_once(cpu_info_read_, [this] { cpu_info_json_ = to_json(read_cpu_info()); });
  return cpu_info_json_;
}

std::string LlvmServiceContext::programStamp(const Benchmark& benchmark) {
  const auto stamp = BitcodeCache::stamp_of(benchmark);
  return stamp.has_value() ? fmt::format("{}:{}:{}:{}.{}", stamp->device, stamp->inode, stamp->size,
                                         stamp->seconds, stamp->nanoseconds)
                           : "";
}

Result<std::shared_ptr<const LoadedBenchmark>> LlvmServiceContext::load(
    const Benchmark& benchmark, std::string_view program) const {
  Result<LoadedProgram> ready = load_program(program, benchmark.uri(), load_options_);
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

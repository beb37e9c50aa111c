#include "sessions/llvm/actions/optimised_module.h"

#include <llvm/IR/Module.h>

#include <utility>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/benchmarks/spare_modules.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/target_machines.h"

namespace compiler_gym {

OptimisedModule::OptimisedModule(std::shared_ptr<const LoadedBenchmark> benchmark,
                                 TargetMachines& machines, SpareModules* spares, IrModule module)
    : benchmark_(std::move(benchmark)),
      machines_(&machines),
      spares_(spares),
      module_(std::move(module)) {}

Result<OptimisedModule> OptimisedModule::start(std::shared_ptr<const LoadedBenchmark> benchmark,
                                               TargetMachines& machines, SpareModules* spares) {
  Result<IrModule> module = spares != nullptr ? spares->take(benchmark) : benchmark->make_module();
  if (!module) {
    return internal_error("Failed to parse a benchmark's bitcode again: " +
                          module.error().error_message());
  }
  return OptimisedModule(std::move(benchmark), machines, spares, *std::move(module));
}

Result<OptimisedModule> OptimisedModule::fork(const std::stop_token& stop_token) const {
  if (!broken_.ok()) {
    return broken_;
  }
  Result<OptimisedModule> copy = start(benchmark_, *machines_, spares_);
  if (!copy) {
    return copy.error();
  }
  for (const std::string_view pipeline : applied_) {
    if (stop_token.stop_requested()) {
      return cancelled("Cancelled while a session was forked");
    }
    // Whether it changes the module is known.
    const Result<bool> applied = copy->apply(pipeline, ChangeDetection::kPassManager);
    if (!applied) {
      return applied.error();
    }
  }
  copy->generation_ = generation_;
  copy->verified_generation_ = verified_generation_;
  return copy;
}

Result<bool> OptimisedModule::apply(std::string_view pipeline, ChangeDetection change_detection) {
  if (!broken_.ok()) {
    return broken_;
  }
  const Result<bool> changed = run(pipeline, change_detection);
  if (changed) {
    applied_.push_back(pipeline);
    generation_ += static_cast<std::size_t>(*changed);
  }
  return changed;
}

Result<bool> OptimisedModule::run(std::string_view pipeline, ChangeDetection change_detection) {
  TargetMachines::Lease machine = machines_->borrow();
  Result<bool> changed = false;
  const grpc::Status survived = survive("running " + std::string(pipeline), [&] {
    const bool compare = change_detection == ChangeDetection::kHash;
    const std::string before = compare ? ir_sha1(**module_) : "";
    changed = run_pipeline(**module_, machine.for_module(**module_), pipeline);
    if (compare && changed) {
      changed = ir_sha1(**module_) != before;
    }
  });
  if (!survived.ok()) {
    machine.abandon();
    return survived;
  }
  if (const std::string error = module_->take_reported_error(); !error.empty()) {
    return become_broken(data_loss("Running " + std::string(pipeline) + " failed: " + error));
  }
  return changed;
}

grpc::Status OptimisedModule::check() {
  if (!broken_.ok() || verified_generation_ == generation_) {
    return broken_;
  }
  grpc::Status verified;
  if (grpc::Status status = survive("verifying the module", [&] { verified = verify(**module_); });
      !status.ok()) {
    return status;
  }
  if (!verified.ok()) {
    return become_broken(std::move(verified));
  }
  verified_generation_ = generation_;
  return grpc::Status::OK;
}

grpc::Status OptimisedModule::become_broken(grpc::Status reason) {
  broken_ = std::move(reason);
  return broken_;
}

grpc::Status OptimisedModule::crashed(std::string_view what, const std::string& crash) {
  module_->abandon();
  module_.reset();
  return become_broken(data_loss("LLVM crashed while " + std::string(what) + ": " + crash));
}

}  // namespace compiler_gym

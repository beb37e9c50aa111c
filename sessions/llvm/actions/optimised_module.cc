#include "sessions/llvm/actions/optimised_module.h"

#include <llvm/IR/Module.h>

#include <algorithm>
#include <utility>

#include "sessions/llvm/actions/pipeline_text.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/benchmarks/spare_modules.h"
#include "sessions/llvm/ir/hidden_state.h"
#include "sessions/llvm/ir/target_machines.h"

namespace compiler_gym {
namespace {

std::size_t number_of_globals(const llvm::Module& module) {
  return module.size() + module.global_size() + module.alias_size();
}

}  // namespace

OptimisedModule::OptimisedModule(std::shared_ptr<const LoadedBenchmark> benchmark,
                                 TargetMachines& machines, SpareModules* spares, IrModule module)
    : benchmark_(std::move(benchmark)),
      machines_(&machines),
      spares_(spares),
      module_(std::move(module)),
      verified_size_(number_of_globals(**module_)) {}

Result<OptimisedModule> OptimisedModule::start(std::shared_ptr<const LoadedBenchmark> benchmark,
                                               TargetMachines& machines, SpareModules* spares) {
  Result<IrModule> module = spares != nullptr ? spares->take(benchmark) : benchmark->make_module();
  if (!module && module.error().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    return module.error();
  }
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
  for (const Change& change : applied_) {
    if (stop_token.stop_requested()) {
      return cancelled("Cancelled while a session was forked");
    }
    // What changes the module is known, and so what does nothing.
    if (const auto applied = copy->run(change, ChangeDetection::kPassManager); !applied) {
      return applied.error();
    }
  }
  copy->applied_ = applied_;
  copy->generation_ = generation_;
  copy->idle_ = idle_;
  copy->hash_.reset();
  copy->to_verify_ = to_verify_ == Verify::kNothing ? Verify::kNothing : Verify::kModule;
  copy->functions_to_verify_.clear();
  copy->verified_size_ = number_of_globals(**copy->module_);
  return copy;
}

Result<bool> OptimisedModule::apply(std::string_view pipeline, ChangeDetection change_detection) {
  if (!broken_.ok()) {
    return broken_;
  }
  left_no_trace_ = idle_.known(pipeline);
  if (left_no_trace_) {
    return false;
  }
  Change change{.name = pipeline};
  const Result<Effect> effect = run(change, change_detection);
  if (!effect) {
    return effect.error();
  }
  applied_.push_back(std::move(change));
  switch (*effect) {
    case Effect::kChange:
      ++generation_;
      idle_.clear();
      break;
    case Effect::kNoChange:
      idle_.add_seen(pipeline);
      break;
    case Effect::kNothing:
      left_no_trace_ = true;
      idle_.add_known(pipeline);
      break;
  }
  return *effect == Effect::kChange;
}

Result<bool> OptimisedModule::apply_text(std::string pipeline) {
  if (grpc::Status status = check_pipeline_text(pipeline); !status.ok()) {
    return status;
  }
  auto text = std::make_shared<const std::string>(std::move(pipeline));
  Result<bool> changed = apply_change({.name = *text, .owned_name = text});
  if (!changed && changed.error().error_code() == grpc::StatusCode::INTERNAL) {
    // A pipeline of ours that is none is our fault, one of a client's is the client's.
    return invalid_argument(changed.error().error_message());
  }
  return changed;
}

Result<bool> OptimisedModule::apply_clang_level(ClangLevel level) {
  return apply_change({.kind = Change::Kind::kClangLevel, .level = level, .name = name_of(level)});
}

Result<bool> OptimisedModule::apply_size_attributes(SizeAttributes attributes) {
  return apply_change(
      {.kind = Change::Kind::kSizeAttributes, .attributes = attributes, .name = "size attributes"});
}

Result<bool> OptimisedModule::apply_change(Change change) {
  if (!broken_.ok()) {
    return broken_;
  }
  left_no_trace_ = false;
  const Result<Effect> effect = run(change, ChangeDetection::kHash);
  if (!effect) {
    return effect.error();
  }
  applied_.push_back(std::move(change));
  // Whatever it says, uses may have moved.
  idle_.clear();
  if (*effect == Effect::kChange) {
    ++generation_;
  }
  return *effect == Effect::kChange;
}

Result<OptimisedModule::Effect> OptimisedModule::run(const Change& change,
                                                     ChangeDetection change_detection) {
  TargetMachines::Lease machine = machines_->borrow();
  Result<PassChanges> changes = PassChanges();
  bool touched = true;
  LlvmCall call = call_llvm("running", std::stop_token(), [&] {
    const bool look_closely = looks_for_traces_ || idle_.seen(change.name);
    const std::optional<std::uint64_t> before = look_closely ? hidden() : std::nullopt;
    hidden_.reset();
    changes = make_and_compare(change, machine, change_detection);
    touched = !look_closely || !changes || changes->any || hidden() != before;
  });
  if (call.crashed()) {
    machine.abandon();
    call.doing += " " + std::string(change.name);
    return crashed(call);
  }
  if (const std::string error = module_->take_reported_error(); !error.empty()) {
    return become_broken(data_loss("Running " + std::string(change.name) + " failed: " + error));
  }
  if (!changes) {
    return changes.error();
  }
  if (changes->any) {
    note_changes(*std::move(changes));
    return Effect::kChange;
  }
  return touched ? Effect::kNoChange : Effect::kNothing;
}

std::optional<std::uint64_t> OptimisedModule::hidden() {
  if (!hidden_.has_value()) {
    hidden_ = hidden_state(**module_);
  }
  return hidden_;
}

Result<PassChanges> OptimisedModule::make(const Change& change, TargetMachines::Lease& machine) {
  switch (change.kind) {
    case Change::Kind::kPipeline:
      return machine.pass_runner(**module_).run(**module_, change.name);
    case Change::Kind::kClangLevel: {
      const grpc::Status run =
          run_clang_pipeline(**module_, machine.for_module(**module_), change.level,
                             benchmark_->code_generation_metadata());
      if (!run.ok()) {
        return run;
      }
      break;
    }
    case Change::Kind::kSizeAttributes:
      set_size_attributes(**module_, change.attributes);
      break;
  }
  return PassChanges{.any = true, .beyond_functions = true, .functions = {}};
}

Result<PassChanges> OptimisedModule::make_and_compare(const Change& change,
                                                      TargetMachines::Lease& machine,
                                                      ChangeDetection change_detection) {
  if (change_detection == ChangeDetection::kPassManager) {
    hash_.reset();  // whatever the passes say, it may be another one
    return make(change, machine);
  }
  StructuralHasher& hasher = machine.hasher();
  const std::uint64_t before = hash_.has_value() ? *hash_ : hasher.hash(**module_);
  hash_.reset();
  Result<PassChanges> changes = make(change, machine);
  if (changes) {
    hash_ = hasher.hash(**module_);
    changes->any = *hash_ != before;
    // Where these passes have changed something they don't tell.
    changes->beyond_functions = changes->any;
  }
  return changes;
}

void OptimisedModule::note_changes(PassChanges changes) {
  if (to_verify_ == Verify::kModule) {
    return;
  }
  if (changes.beyond_functions || changes.functions.empty()) {
    to_verify_ = Verify::kModule;
    functions_to_verify_.clear();
    return;
  }
  to_verify_ = Verify::kFunctions;
  functions_to_verify_.insert(functions_to_verify_.end(), changes.functions.begin(),
                              changes.functions.end());
}

grpc::Status OptimisedModule::check() {
  if (is_checked()) {
    return broken_;
  }
  grpc::Status verified;
  if (grpc::Status status = survive("verifying the module", [&] { verified = verify_changes(); });
      !status.ok()) {
    return status;
  }
  if (!verified.ok()) {
    return become_broken(std::move(verified));
  }
  to_verify_ = Verify::kNothing;
  functions_to_verify_.clear();
  return grpc::Status::OK;
}

grpc::Status OptimisedModule::verify_changes() {
  // Declarations and constants that a pass on functions has added are to be looked at as well.
  const std::size_t size = number_of_globals(**module_);
  const bool grown = size != std::exchange(verified_size_, size);
  if (to_verify_ == Verify::kModule || grown) {
    return verify(**module_);
  }
  std::ranges::sort(functions_to_verify_);
  const auto twice = std::ranges::unique(functions_to_verify_);
  functions_to_verify_.erase(twice.begin(), twice.end());
  return verify(functions_to_verify_);
}

grpc::Status OptimisedModule::become_broken(grpc::Status reason) {
  broken_ = std::move(reason);
  return broken_;
}

grpc::Status OptimisedModule::crashed(const LlvmCall& call) {
  count_leaked_bytes(benchmark_->module_size_in_bytes());
  module_->abandon();
  module_.reset();
  // For want of memory too: there is no module any more, however much memory there will be.
  return become_broken(data_loss(call.status().error_message()));
}

}  // namespace compiler_gym

#include "sessions/llvm/module_parameters.h"

#include <algorithm>
#include <array>

#include "sessions/llvm/actions/optimised_module.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/wrong_value.h"

namespace compiler_gym {
namespace {

Result<bool> apply_baseline(std::string_view key, const std::string& value,
                            OptimisedModule& module) {
  if (value != "-O3" && value != "-Oz") {
    return wrong_value(key, "-O3 or -Oz", value);
  }
  const Baseline baseline = value == "-O3" ? Baseline::kO3 : Baseline::kOz;
  return module.apply(baseline_pipeline(baseline), ChangeDetection::kHash);
}

Result<bool> apply_clang_pipeline(std::string_view key, const std::string& value,
                                  OptimisedModule& module) {
  const std::optional<ClangLevel> level = find_clang_level(value);
  return level.has_value() ? module.apply_clang_level(*level)
                           : Result<bool>(wrong_value(key, "-O2, -Os or -Oz", value));
}

Result<bool> apply_pipeline(std::string_view /*key*/, const std::string& value,
                            OptimisedModule& module) {
  return module.apply_text(value);
}

Result<bool> apply_size_attributes(std::string_view key, const std::string& value,
                                   OptimisedModule& module) {
  const std::optional<SizeAttributes> attributes = find_size_attributes(value);
  return attributes.has_value() ? module.apply_size_attributes(*attributes)
                                : Result<bool>(wrong_value(key, "none, optsize or minsize", value));
}

struct ModuleParameter {
  std::string_view key;
  Result<bool> (*apply)(std::string_view key, const std::string& value, OptimisedModule& module);
};
constexpr std::array kModuleParameters{
    ModuleParameter{"llvm.apply_baseline_optimizations", apply_baseline},
    ModuleParameter{"llvm.apply_clang_pipeline", apply_clang_pipeline},
    ModuleParameter{"llvm.apply_pipeline", apply_pipeline},
    ModuleParameter{"llvm.apply_size_attributes", apply_size_attributes},
};

}  // namespace

bool is_module_parameter(std::string_view key) {
  return std::ranges::find(kModuleParameters, key, &ModuleParameter::key) !=
         kModuleParameters.end();
}

grpc::Status handle_module_parameter(std::string_view key, const std::string& value,
                                     OptimisedModule& module, std::optional<std::string>& reply) {
  const auto* const found = std::ranges::find(kModuleParameters, key, &ModuleParameter::key);
  if (found == kModuleParameters.end()) {
    return grpc::Status::OK;
  }
  const Result<bool> changed = found->apply(key, value, module);
  if (!changed) {
    return changed.error();
  }
  reply = *changed ? "1" : "0";
  return module.check();
}

}  // namespace compiler_gym

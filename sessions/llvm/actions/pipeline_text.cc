#include "sessions/llvm/actions/pipeline_text.h"

#include <fmt/core.h>
#include <llvm/IR/PassInstrumentation.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>

#include <cctype>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sessions/llvm/actions/actions.h"

namespace compiler_gym {
namespace {

constexpr std::size_t kMaxDepth = 32;

bool is_of_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

// The names in a pipeline, without what is between angle brackets.
std::vector<std::string_view> names_in(std::string_view pipeline) {
  std::vector<std::string_view> names;
  std::size_t brackets = 0;
  for (std::size_t at = 0; at < pipeline.size();) {
    std::size_t end = at;
    while (end < pipeline.size() && is_of_name(pipeline[end])) {
      ++end;
    }
    if (end > at && brackets == 0) {
      names.push_back(pipeline.substr(at, end - at));
    }
    if (end == at) {
      brackets += pipeline[at] == '<' ? 1 : 0;
      brackets -= pipeline[at] == '>' && brackets > 0 ? 1 : 0;
      ++end;
    }
    at = end;
  }
  return names;
}

// As text, which is what `opt -print-pipeline-passes` prints.
std::string pipeline_of(llvm::OptimizationLevel level) {
  llvm::PassInstrumentationCallbacks callbacks;
  llvm::PipelineTuningOptions options;
  options.SLPVectorization = true;
  llvm::PassBuilder builder(nullptr, options, std::nullopt, &callbacks);
  std::string text;
  llvm::raw_string_ostream stream(text);
  const auto name_of_class = [&callbacks](llvm::StringRef name) {
    const llvm::StringRef known = callbacks.getPassNameForClassName(name);
    return known.empty() ? name : known;
  };
  builder.buildPerModuleDefaultPipeline(level).printPipeline(stream, name_of_class);
  return text;
}

using Names = std::set<std::string, std::less<>>;

Names make_allowed_names() {
  Names allowed{"module",     "cgscc",  "function", "loop",   "loop-mssa",
                "invalidate", "devirt", "require",  "default"};
  Names varying;
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    for (const LlvmAction& action : space.actions) {
      for (const std::string_view name : names_in(action.pipeline)) {
        if (action.is_deterministic) {
          allowed.emplace(name);
        } else if (!allowed.contains(name)) {
          varying.emplace(name);
        }
      }
    }
  }
  for (const auto& level :
       {llvm::OptimizationLevel::O1, llvm::OptimizationLevel::O3, llvm::OptimizationLevel::Oz}) {
    const std::string text = pipeline_of(level);
    for (const std::string_view name : names_in(text)) {
      allowed.emplace(name);
    }
  }
  for (const std::string& name : varying) {
    allowed.erase(name);
  }
  return allowed;
}

std::size_t depth_of(std::string_view pipeline) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (const char c : pipeline) {
    depth += c == '(' ? 1 : 0;
    depth -= c == ')' && depth > 0 ? 1 : 0;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

}  // namespace

grpc::Status check_pipeline_text(std::string_view pipeline) {
  if (pipeline.size() > kMaxPipelineTextInBytes) {
    return invalid_argument(fmt::format("The pipeline of {} bytes exceeds the limit of {}",
                                        pipeline.size(), kMaxPipelineTextInBytes));
  }
  if (depth_of(pipeline) > kMaxDepth) {
    return invalid_argument(
        fmt::format("The pipeline has more than {} parentheses in one another", kMaxDepth));
  }
  static const Names allowed = make_allowed_names();
  for (const std::string_view name : names_in(pipeline)) {
    if (!allowed.contains(name)) {
      return invalid_argument(fmt::format(
          "The pass \"{}\" is not among those of the action spaces and of LLVM's levels "
          "(docs/llvm.md)",
          name.substr(0, 100)));
    }
  }
  return grpc::Status::OK;
}

}  // namespace compiler_gym

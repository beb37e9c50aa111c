#include "sessions/llvm/actions/actions.h"

#include <algorithm>
#include <array>

namespace compiler_gym {
namespace {

// By hash, as a level is made of many passes and one of them always claims to have changed
// something.
constexpr std::array kPipelines{
    LlvmAction{"default<O1>", "default<O1>", ChangeDetection::kHash},
    LlvmAction{"default<O2>", "default<O2>", ChangeDetection::kHash},
    LlvmAction{"default<O3>", "default<O3>", ChangeDetection::kHash},
    LlvmAction{"default<Os>", "default<Os>", ChangeDetection::kHash},
    LlvmAction{"default<Oz>", "default<Oz>", ChangeDetection::kHash},
};

}  // namespace

std::span<const LlvmAction> pipeline_actions() {
  return kPipelines;
}

std::span<const LlvmActionSpace> llvm_action_spaces() {
  static const std::array kSpaces{
      LlvmActionSpace{"PassesAll", passes_all_actions()},
      LlvmActionSpace{"NewPM", new_pm_actions()},
      LlvmActionSpace{"Pipelines", pipeline_actions()},
  };
  return kSpaces;
}

const LlvmActionSpace* find_llvm_action_space(std::string_view name) {
  const std::span<const LlvmActionSpace> spaces = llvm_action_spaces();
  const auto found = std::ranges::find(spaces, name, &LlvmActionSpace::name);
  return found == spaces.end() ? nullptr : &*found;
}

}  // namespace compiler_gym

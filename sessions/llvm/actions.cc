#include "sessions/llvm/actions.h"

#include <algorithm>
#include <array>

namespace compiler_gym {

std::span<const LlvmActionSpace> llvm_action_spaces() {
  static const std::array kSpaces{
      LlvmActionSpace{"PassesAll", passes_all_actions()},
  };
  return kSpaces;
}

const LlvmActionSpace* find_llvm_action_space(std::string_view name) {
  const std::span<const LlvmActionSpace> spaces = llvm_action_spaces();
  const auto found = std::ranges::find(spaces, name, &LlvmActionSpace::name);
  return found == spaces.end() ? nullptr : &*found;
}

}  // namespace compiler_gym

#include "core/posix/exec_strings.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace compiler_gym {

std::vector<std::string> environment_with(const std::vector<std::string>& additions) {
  const auto name_of = [](std::string_view variable) {
    return variable.substr(0, variable.find('='));
  };
  std::vector<std::string> environment = additions;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::ranges::find(additions, name_of(*variable), name_of) == additions.end()) {
      environment.emplace_back(*variable);
    }
  }
  return environment;
}

std::vector<char*> null_terminated(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) {
    pointers.push_back(string.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace compiler_gym

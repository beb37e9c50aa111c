#include "tests/tree/include_rules.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace compiler_gym::testing {
namespace {

// In the order of the arrow: a folder knows those before it.
constexpr std::array<std::string_view, 7> kFolders = {
    "proto", "core", "context", "sessions", "async_server", "bench", "tests"};

std::string_view top_folder(std::string_view path) {
  return path.substr(0, path.find('/'));
}

auto level(std::string_view path) {
  return std::find(kFolders.begin(), kFolders.end(), top_folder(path)) - kFolders.begin();
}

// `sessions/llvm/` of `sessions/llvm/actions.h`; empty for what is not in a plug-in's folder.
std::string_view plug_in(std::string_view path) {
  constexpr std::string_view kSessions = "sessions/";
  const auto end = path.find('/', kSessions.size());
  if (!path.starts_with(kSessions) || end == std::string_view::npos ||
      path.starts_with("sessions/internal/") || path.starts_with("sessions/isolated/")) {
    return {};
  }
  return path.substr(0, end + 1);
}

}  // namespace

std::string objection_to_include(const std::string& includer, const std::string& included,
                                 bool includer_has_main) {
  const std::string_view from = top_folder(includer);
  if (level(included) == std::ssize(kFolders)) {
    return "paths start at the repository root";
  }
  if (level(included) > level(includer)) {
    const bool main_of_plug_in = includer_has_main && !plug_in(includer).empty();
    if (!main_of_plug_in || top_folder(included) != "async_server") {
      return std::string(from) + " is below " + std::string(top_folder(included));
    }
  }
  if (from == "tests") {
    return {};
  }
  if (!plug_in(included).empty() && plug_in(included) != plug_in(includer) && from != "bench") {
    return std::string(plug_in(included)) + " is a plug-in, which only bench and tests know";
  }
  if (const auto internal = included.find("/internal/"); internal != std::string::npos) {
    const std::string owner = included.substr(0, internal + 1);
    if (!includer.starts_with(owner)) {
      return "it is internal to " + owner;
    }
  }
  return {};
}

}  // namespace compiler_gym::testing

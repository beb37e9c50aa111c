#include "tests/tree/include_rules.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace compiler_gym::testing {
namespace {

struct Room {
  std::string_view path;
  /// Besides itself. A room named here stands for the rooms inside of it as well; the room a path is
  /// in is the longest that fits.
  std::vector<std::string_view> knows;
};

const std::vector<Room>& rooms() {
  static const std::vector<Room> kRooms = {
      {"proto/", {}},
      {"core/support/", {}},
      {"core/posix/", {"core/support/"}},
      {"core/", {"core/support/"}},
      {"client/", {"proto/", "core/"}},
      {"context/", {"proto/", "core/"}},
      {"sessions/", {"proto/", "core/", "context/"}},
      {"sessions/isolated/", {"proto/", "core/", "context/", "sessions/"}},
      {"sessions/llvm/ir/", {"core/"}},
      {"sessions/llvm/run/", {"proto/", "core/", "context/"}},
      {"sessions/llvm/observations/", {"proto/", "core/", "sessions/llvm/ir/"}},
      {"sessions/llvm/costs/",
       {"proto/", "core/", "sessions/llvm/ir/", "sessions/llvm/run/",
        "sessions/llvm/observations/"}},
      {"sessions/llvm/benchmarks/",
       {"proto/", "core/", "context/", "sessions/llvm/ir/", "sessions/llvm/run/",
        "sessions/llvm/costs/"}},
      {"sessions/llvm/actions/",
       {"proto/", "core/", "sessions/llvm/ir/", "sessions/llvm/benchmarks/"}},
      {"sessions/llvm/", {"proto/", "core/", "context/", "sessions/", "sessions/llvm/"}},
      {"async_server/", {"proto/", "core/", "context/", "sessions/", "sessions/isolated/"}},
      {"services/",
       {"proto/", "core/", "context/", "sessions/", "sessions/llvm/", "async_server/",
        "examples/"}},
      {"examples/", {"proto/", "core/", "client/", "context/", "sessions/", "async_server/"}},
      {"tools/", {"proto/", "core/", "client/", "sessions/llvm/run/", "sessions/llvm/actions/"}},
      {"bench/",
       {"proto/", "core/", "client/", "context/", "sessions/", "sessions/isolated/",
        "sessions/llvm/", "async_server/", "examples/", "tools/"}},
      {"tests/",
       {"proto/", "core/", "client/", "context/", "sessions/", "sessions/isolated/",
        "sessions/llvm/", "async_server/", "examples/", "tools/", "bench/"}},
  };
  return kRooms;
}

const Room* room_of(std::string_view path) {
  const Room* longest = nullptr;
  for (const Room& room : rooms()) {
    if (path.starts_with(room.path) &&
        (longest == nullptr || longest->path.size() < room.path.size())) {
      longest = &room;
    }
  }
  return longest;
}

// Whether knowing `known` is knowing `room`. What is plugged into sessions/ is no part of it.
bool covers(std::string_view known, std::string_view room) {
  return known == room || (room.starts_with(known) && known != "sessions/");
}

}  // namespace

std::string objection_to_include(const std::string& includer, const std::string& included) {
  const Room* const from = room_of(includer);
  const Room* const to = room_of(included);
  if (from == nullptr) {
    return "the table in include_rules.cc does not know where it belongs";
  }
  if (to == nullptr) {
    return "paths start at the repository root";
  }
  const bool may = from == to || std::ranges::any_of(from->knows, [to](std::string_view known) {
                     return covers(known, to->path);
                   });
  if (!may) {
    return std::string(from->path) + " is not to know " + std::string(to->path);
  }
  if (from->path == "tests/") {
    return {};
  }
  if (const auto internal = included.find("/internal/"); internal != std::string::npos) {
    const std::string owner = included.substr(0, internal + 1);
    if (!includer.starts_with(owner)) {
      return "it is internal to " + owner;
    }
    if (includer.ends_with(".h") && !includer.starts_with(owner + "internal/")) {
      return "a public header would make it public";
    }
  }
  return {};
}

}  // namespace compiler_gym::testing

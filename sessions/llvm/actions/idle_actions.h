// What has been found to do nothing.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

namespace compiler_gym {

/// The pipelines that do nothing to a module in the state it is in. A client that has learnt little
/// applies one of these again and again.
///
/// A pipeline that says it has changed nothing may still have used up a name or have moved a use, on
/// which the result of a later one can depend. So it is `seen` idle first; when it runs again and
/// touches nothing at all, it is `known` to be. One that is not known to may touch something each
/// time, after which nothing else is known any more.
class IdleActions {
 public:
  [[nodiscard]] bool seen(std::string_view pipeline) const { return contains(seen_, pipeline); }
  [[nodiscard]] bool known(std::string_view pipeline) const { return contains(known_, pipeline); }

  /// It has said that it has changed nothing.
  void add_seen(std::string_view pipeline) {
    if (!seen(pipeline)) {
      seen_.push_back(pipeline);
    }
    known_.clear();
  }
  /// It has touched nothing.
  void add_known(std::string_view pipeline) { known_.push_back(pipeline); }

  /// The module is in another state.
  void clear() {
    seen_.clear();
    known_.clear();
  }

 private:
  static bool contains(const std::vector<std::string_view>& pipelines, std::string_view pipeline) {
    return std::ranges::find(pipelines, pipeline) != pipelines.end();
  }

  std::vector<std::string_view> seen_;
  std::vector<std::string_view> known_;
};

}  // namespace compiler_gym

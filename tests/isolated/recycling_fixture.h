// Isolated sessions whose compiler allows that their processes serve one after another.
#pragma once

#include <unistd.h>

#include <string>
#include <utility>

#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {

inline IsolatedPlugin recyclable_plugin(isolated::SandboxLimits limits = {}) {
  IsolatedPlugin plugin{.limits = limits};
  plugin.make_session = [service = getpid()](CompilerGymServiceContext& context) {
    HazardSession::recyclable = getpid() != service;
    return std::make_unique<HazardSession>(context);
  };
  return plugin;
}

class RecyclingTest : public IsolatedTest {
 protected:
  explicit RecyclingTest(IsolatedPlugin plugin = recyclable_plugin())
      : IsolatedTest(std::move(plugin)) {}

  void wait_for(const std::string& figure, std::uint64_t value) const {
    poll_until([&] { return sandboxes(figure) == value; });
    EXPECT_EQ(sandboxes(figure), value) << figure;
  }
  /// Ends a session whose process is kept, as the only one.
  void end_to_idle(Session::Id session) {
    EXPECT_EQ(failure(end(session)->get()), "OK");
    wait_for("idle", 1);
  }
  std::string answer(Session::Id session, const std::string& key, const std::string& value) {
    const auto reply = parameter(session, key, value)->get();
    return reply ? reply->reply(0) : failure(reply);
  }
};

}  // namespace compiler_gym::testing

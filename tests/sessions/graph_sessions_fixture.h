// Sessions of a scripted compiler whose results are remembered.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/sessions/service_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {

class GraphSessionsTest : public ServiceFixture {
 protected:
  GraphSessionsTest() {
    script.determinism = {.actions = true, .step_ends_only_check = true};
    script.on_action = [this](std::int64_t, auto&, const auto&) {
      ++actions_;
      return grpc::Status::OK;
    };
    script.on_observation = [this](const ObservationSpace&, Event&) {
      ++observations_;
      return grpc::Status::OK;
    };
    context_host.state_graph().set_max_size_in_bytes(std::size_t{1} << 20);
  }

  /// Plug-in objects that have been initialised, by start or fork.
  [[nodiscard]] std::ptrdiff_t made() const {
    const std::vector<std::string> events = script.events();
    return std::ranges::count(events, "session init") + std::ranges::count(events, "session fork");
  }
  std::string replied(Session::Id session, const std::string& key, const std::string& value = "") {
    const Result<SendSessionParameterReply> reply = parameter(session, key, value)->get();
    return reply ? reply->reply(0) : failure(reply);
  }
  [[nodiscard]] StateGraph::Figures figures() { return context_host.state_graph().figures(); }
  /// From now on actions are not counted, and this one says that it is at work and waits.
  void hold_up(std::int64_t held_up, Latch& at_work, Latch& release) {
    script.on_action = [held_up, &at_work, &release](std::int64_t action, auto&, const auto&) {
      if (action == held_up) {
        at_work.arrive();
        release.wait();
      }
      return grpc::Status::OK;
    };
  }
  /// So that later ones know that it can be done.
  void fork_once() { forked(started("benchmark://of another")); }

  std::atomic<int> actions_{0};
  std::atomic<int> observations_{0};
};

}  // namespace compiler_gym::testing

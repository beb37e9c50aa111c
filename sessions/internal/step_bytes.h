// Replies of steps as bytes: put together and taken apart without parsing what is in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "context/state_graph.h"
#include "context/step_outcome.h"

namespace compiler_gym::internal {

/// A StepReply, byte for byte as protobuf writes it.
[[nodiscard]] std::string step_reply_bytes(const StateGraph::KnownStep& step);

/// The Events of a StepReply, which they are part of. None if it is not one.
[[nodiscard]] std::optional<std::vector<std::string_view>> observations_in(
    std::string_view step_reply);

/// How an outcome, without its observations, travels behind a StepReply.
void append_outcome(const StepOutcome& outcome, std::string& step_reply);
/// Takes it off again. False if it is not there.
[[nodiscard]] bool take_outcome(std::string& step_reply, StepOutcome& outcome);

}  // namespace compiler_gym::internal

#include "tests/support/reproducible_session.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>

#include "core/support/status.h"

namespace compiler_gym::testing {
namespace {

ActionSpace named_space(const std::string& name) {
  ActionSpace space;
  space.set_name(name);
  space.mutable_space()->mutable_int64_value();
  return space;
}

}  // namespace

bool ReproducibleSession::ends_only_check = false;
bool ReproducibleSession::may_die = false;

std::vector<ActionSpace> ReproducibleSession::getActionSpaces() const {
  return {named_space("first"), named_space("second")};
}

std::vector<ObservationSpace> ReproducibleSession::getObservationSpaces() const {
  std::vector<ObservationSpace> spaces;
  for (const char* const name : {"history", "digest", "large", "setting", "process", "refused"}) {
    ObservationSpace& space = spaces.emplace_back();
    space.set_name(name);
    space.mutable_space()->mutable_string_value();
    const std::string_view text = name;
    space.set_deterministic(text != "setting" && text != "process");
  }
  return spaces;
}

Determinism ReproducibleSession::determinism() const {
  return {.actions = true,
          .step_ends_only_check = ends_only_check,
          .varies =
              [](const ActionSpace&, const Event& action) {
                return action.int64_value() == kVary || action.int64_value() == kVaryNothing;
              },
          .parameter =
              [](const std::string& key) {
                if (key == "push" || key == "refuse") {
                  return ParameterEffect::kState;
                }
                if (key == "set" || key == "get") {
                  return ParameterEffect::kSetting;
                }
                if (key == "read") {
                  return ParameterEffect::kReading;
                }
                return key == "any" ? ParameterEffect::kAnything : ParameterEffect::kUnknown;
              }};
}

grpc::Status ReproducibleSession::init(const ActionSpace& actionSpace, const Benchmark& benchmark) {
  if (benchmark.program().contents() == "bad") {
    return invalid_argument("Bad program");
  }
  history_ = {static_cast<std::int64_t>(benchmark.program().contents().size()),
              actionSpace.name() == "first" ? 1 : 2};
  return grpc::Status::OK;
}

grpc::Status ReproducibleSession::init(CompilationSession* other) {
  auto& parent = static_cast<ReproducibleSession&>(*other);
  history_ = parent.history_;
  hidden_ = parent.hidden_;
  setting_ = parent.setting_;
  return grpc::Status::OK;
}

grpc::Status ReproducibleSession::applyAction(const Event& action, bool& endOfEpisode,
                                              std::optional<ActionSpace>& newActionSpace,
                                              bool& actionHadNoEffect) {
  left_no_trace_ = false;
  const std::int64_t deed = action.int64_value();
  switch (deed) {
    case kNothing:
    case kVaryNothing:
      left_no_trace_ = true;
      actionHadNoEffect = true;
      return grpc::Status::OK;
    case kHide:
      ++hidden_;
      actionHadNoEffect = true;
      return grpc::Status::OK;
    case kReveal:
      history_.push_back(1000 + hidden_);
      return grpc::Status::OK;
    case kEndEpisode:
      endOfEpisode = true;
      break;
    case kChangeSpace:
      newActionSpace = named_space(digest());
      break;
    case kVary:
      history_.push_back(2000 + std::atoll(setting_.c_str()));
      return grpc::Status::OK;
    case kRefuse:
      return invalid_argument("Refused");
    case kFailSometimes:
      if (history_.size() % 3 == 0) {
        return internal_error("Failed");
      }
      break;
    case kDie:
      if (may_die) {
        std::abort();
      }
      return internal_error("Not here");
    default:
      if (deed < 0) {
        return invalid_argument("Out of range");
      }
      break;
  }
  history_.push_back(deed);
  return grpc::Status::OK;
}

grpc::Status ReproducibleSession::computeObservation(const ObservationSpace& observationSpace,
                                                     Event& observation) {
  constexpr int kTimes = 200;
  const std::string& name = observationSpace.name();
  if (name == "history") {
    auto& tensor = *observation.mutable_int64_tensor();
    tensor.add_shape(static_cast<std::int64_t>(history_.size()));
    tensor.mutable_value()->Add(history_.begin(), history_.end());
  } else if (name == "digest") {
    observation.set_string_value(digest());
  } else if (name == "large") {
    std::string text;
    for (int i = 0; i < kTimes; ++i) {
      text += digest();
    }
    observation.set_string_value(text);
  } else if (name == "setting") {
    observation.set_string_value(setting_);
  } else if (name == "process") {
    observation.set_int64_value(getpid());
  } else if (history_.size() % 2 == 0) {
    return invalid_argument("Can't be computed");
  }
  return grpc::Status::OK;
}

grpc::Status ReproducibleSession::endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                                            std::optional<ActionSpace>& newActionSpace) {
  if (history_.back() == 8 && history_.size() % 4 == 0) {
    return internal_error("The step can't end here");
  }
  if (ends_only_check) {
    return grpc::Status::OK;
  }
  if (history_.size() % 7 == 6) {
    endOfEpisode = true;
  }
  if (history_.back() == 9 && !actionHadNoEffect) {
    newActionSpace = named_space("from the end");
  }
  if (history_.back() == kChangeSpace && history_.size() % 5 == 0) {
    newActionSpace.reset();
  }
  return grpc::Status::OK;
}

grpc::Status ReproducibleSession::handleSessionParameter(const std::string& key,
                                                         const std::string& value,
                                                         std::optional<std::string>& reply) {
  if (key == "set") {
    if (value.empty()) {
      return invalid_argument("set: expected a value");
    }
    setting_ = value;
    reply = value;
  } else if (key == "get") {
    reply = setting_;
  } else if (key == "push") {
    history_.push_back(std::atoll(value.c_str()));
    reply = digest();
  } else if (key == "read") {
    reply = "version 1";
  } else if (key == "any") {
    history_.push_back(3000);
    reply = "done";
  } else if (key == "refuse") {
    return invalid_argument("Refused");
  }
  return grpc::Status::OK;
}

std::string ReproducibleSession::digest() const {
  return fmt::format("{}+{}", fmt::join(history_, "."), hidden_);
}

}  // namespace compiler_gym::testing

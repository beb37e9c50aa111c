// The compiler that the applications beside this file embed: its programs are texts, and its actions
// make them shorter.
#pragma once

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"

namespace compiler_gym::example {

/// Actions: 0 `strip` removes spaces, 1 `squeeze` makes one of equal letters in a row, 2 `lower`
/// writes small letters. Observations: 0 `text`, 1 `size`.
class TextSession final : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;

  std::string getCompilerVersion() const override { return "text 1.0"; }

  std::vector<ActionSpace> getActionSpaces() const override {
    ActionSpace space;
    space.set_name("shorten");
    for (const char* name : {"strip", "squeeze", "lower"}) {
      space.mutable_space()->mutable_named_discrete()->add_name(name);
    }
    return {space};
  }

  std::vector<ObservationSpace> getObservationSpaces() const override {
    std::vector<ObservationSpace> spaces(2);
    spaces[0].set_name("text");
    spaces[0].mutable_space()->mutable_string_value()->mutable_length_range()->set_min(0);
    spaces[1].set_name("size");
    spaces[1].mutable_space()->mutable_int64_value()->set_min(0);
    return spaces;
  }

  using CompilationSession::init;
  grpc::Status init(const ActionSpace& /*actionSpace*/, const Benchmark& benchmark) override {
    text_ = benchmark.program().contents();
    return grpc::Status::OK;
  }
  grpc::Status init(CompilationSession* other) override {
    text_ = static_cast<TextSession*>(other)->text_;
    return grpc::Status::OK;
  }

  grpc::Status applyAction(const Event& action, bool& /*endOfEpisode*/,
                           std::optional<ActionSpace>& /*newActionSpace*/,
                           bool& actionHadNoEffect) override {
    const std::string before = text_;
    switch (action.has_int64_value() ? action.int64_value() : -1) {
      case 0:
        std::erase(text_, ' ');
        break;
      case 1:
        text_.erase(std::unique(text_.begin(), text_.end()), text_.end());
        break;
      case 2:
        std::transform(text_.begin(), text_.end(), text_.begin(),
                       [](unsigned char letter) { return std::tolower(letter); });
        break;
      default:
        return {grpc::StatusCode::INVALID_ARGUMENT, "action outside [0, 3)"};
    }
    actionHadNoEffect = text_ == before;
    return grpc::Status::OK;
  }

  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override {
    if (observationSpace.name() == "text") {
      observation.set_string_value(text_);
    } else {
      observation.set_int64_value(static_cast<std::int64_t>(text_.size()));
    }
    return grpc::Status::OK;
  }

 private:
  std::string text_;
};

}  // namespace compiler_gym::example

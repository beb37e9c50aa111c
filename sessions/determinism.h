// Plug-in API: what of a compiler's results the service may remember.
#pragma once

#include <functional>
#include <string>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// What a session parameter has to do with results that are remembered.
enum class ParameterEffect {
  kAnything,  ///< nobody has said: the session is not looked for among others from then on
  /// As an action: it changes the session, and the same value in the same state does the same, its
  /// reply included.
  kState,
  /// It is the session's own and changes nothing but what is not deterministic: how often a program is
  /// run for one observation, say. The last value of a key counts.
  kSetting,
  kReading,  ///< it changes nothing, and is asked for each time
  kUnknown,  ///< no parameter of this compiler
};

/// A compiler that says nothing of this is asked each time.
///
/// What it promises: the same actions, and parameters of kState, on an equal benchmark in the same
/// action space, in the same order, leave sessions in the same state, however they are divided into
/// steps and whatever is observed in between. In the same state an action has the same outcome, an
/// observation whose space is `deterministic` has the same value, and what endOfStep() answers depends on
/// its arguments alone. Whether one fails is not part of the promise: failures are not remembered.
struct Determinism {
  /// Whether this is promised.
  bool actions = false;
  /// Besides, that endOfStep() at most fails, and whether it does depends on the state alone, so that it need
  /// not be called where it has been. True of those who don't override it.
  bool step_ends_only_check = false;
  /// Those actions for which it is not: what they do is done each time, and the session is not looked
  /// for among others from then on. Called from any thread; none: all are as promised.
  std::function<bool(const ActionSpace& space, const Event& action)> varies{};
  /// Called from any thread; none: kAnything.
  std::function<ParameterEffect(const std::string& key)> parameter{};
};

}  // namespace compiler_gym

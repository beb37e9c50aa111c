// The example compiler as others are: its steps are not cheap.
#pragma once

#include "examples/example_session.h"

namespace compiler_gym {

/// Its steps run on a worker, which those of the example don't when their session is idle.
class PooledSession final : public example::ExampleSession {
 public:
  using ExampleSession::ExampleSession;
  bool isCheap(const StepRequest& /*request*/) const override { return false; }
};

}  // namespace compiler_gym

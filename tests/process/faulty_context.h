// A context that fails on request.
#pragma once

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "context/compiler_gym_service_context.h"
#include "core/support/status.h"
#include "tests/process/fifo_gate.h"

namespace compiler_gym::testing {

/// Writes what is called into story.txt. COMPILER_GYM_TEST_INIT, COMPILER_GYM_TEST_SHUTDOWN and
/// COMPILER_GYM_TEST_WARM_UP are `fail`, `throw`, `gate` (waits at the pipe of that name in the working
/// directory) or unset. A warm-up is only written down if the last is set.
class FaultyContext : public CompilerGymServiceContext {
 public:
  using CompilerGymServiceContext::CompilerGymServiceContext;
  grpc::Status init() override { return act("init", std::getenv("COMPILER_GYM_TEST_INIT")); }
  grpc::Status shutdown() override {
    return act("shutdown", std::getenv("COMPILER_GYM_TEST_SHUTDOWN"));
  }
  grpc::Status warmUp() override {
    const char* how = std::getenv("COMPILER_GYM_TEST_WARM_UP");
    return how == nullptr ? grpc::Status::OK : act("warm-up", how);
  }

 private:
  grpc::Status act(const std::string& name, const char* how) {
    std::ofstream((workingDirectory() / "story.txt").string(), std::ios::app) << name << '\n';
    const std::string behaviour = how == nullptr ? "" : how;
    if (behaviour == "fail") {
      return unavailable("no " + name + " today");
    }
    if (behaviour == "throw") {
      throw std::runtime_error(name + " went wrong");
    }
    if (behaviour == "gate") {
      FifoGate::wait_at((workingDirectory() / "gate").string());
    }
    return grpc::Status::OK;
  }
};

}  // namespace compiler_gym::testing

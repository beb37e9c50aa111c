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

/// Writes what is called into story.txt. COMPILER_GYM_TEST_INIT and COMPILER_GYM_TEST_SHUTDOWN are
/// `fail`, `throw`, `gate` (waits at the pipe of that name in the working directory) or unset.
class FaultyContext : public CompilerGymServiceContext {
 public:
  using CompilerGymServiceContext::CompilerGymServiceContext;
  grpc::Status init() override { return act("init", std::getenv("COMPILER_GYM_TEST_INIT")); }
  grpc::Status shutdown() override {
    return act("shutdown", std::getenv("COMPILER_GYM_TEST_SHUTDOWN"));
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

// The main() of a tool.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <exception>

#include "core/grpc_process.h"

namespace compiler_gym {

/// Runs the tool; its exit status. What it throws goes to stderr, after its name, and is `failed`.
template <typename Run>
int run_tool(const char* name, int failed, Run run, int argc, char** argv) {
  disable_abseil_deadlock_detection();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return failed;
  }
}

}  // namespace compiler_gym

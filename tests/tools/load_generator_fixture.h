// A load on a small service, in the same process.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "client/client_loop.h"
#include "core/support/status.h"
#include "tests/support/in_process_server.h"
#include "tools/load/load_generator.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

namespace compiler_gym::testing {

/// 200 operations of four sessions, unless a test says otherwise.
class LoadGeneratorTest : public ::testing::Test {
 protected:
  LoadGeneratorTest() {
    options_.target = server_.tcp_target();
    options_.sessions = 4;
    options_.warmup = std::chrono::seconds(0);
    options_.duration.reset();
    options_.operations = 200;
    options_.timeout = std::chrono::seconds(60);
  }

  Result<LoadResult> run() {
    LoadGenerator generator(loop_.pump(), options_);
    return loop_.run(generator.async_run());
  }

  LoadResult run_ok() {
    Result<LoadResult> result = run();
    EXPECT_TRUE(result) << to_string(result.error());
    return result ? *std::move(result) : LoadResult();
  }

  void set_mix(const char* mix) { options_.mix = *OperationMix::parse(mix); }

  InProcessServer server_;
  ClientLoop loop_;
  LoadOptions options_;
};

}  // namespace compiler_gym::testing

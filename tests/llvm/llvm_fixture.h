// An LLVM service without the service: a context, and sessions driven as the service drives them.
#pragma once

#include <gtest/gtest.h>

#include <boost/filesystem.hpp>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"

namespace compiler_gym {

/// A benchmark whose program is given as bytes.
[[nodiscard]] std::shared_ptr<const Benchmark> make_benchmark(const std::string& uri,
                                                              const std::string& bitcode);
/// crc32, not buildable.
[[nodiscard]] std::shared_ptr<const Benchmark> crc32_benchmark();

/// `benchmark://test/runnable`: a program of programs/ with these commands to build and to run it.
[[nodiscard]] std::shared_ptr<Benchmark> runnable_benchmark(
    const std::string& run, const std::string& build = "$CC $IN -o a.out -lm");

/// The number of an action of PassesAll, by its flag.
[[nodiscard]] std::int64_t action_index(std::string_view flag);
[[nodiscard]] Event action_event(std::int64_t index);

class LlvmFixture : public ::testing::Test {
 protected:
  explicit LlvmFixture(ServiceContextOptions options = {});
  ~LlvmFixture() override;

  /// Starts a session; throws if it can't be.
  std::unique_ptr<LlvmSession> start(const std::shared_ptr<const Benchmark>& benchmark,
                                     const std::string& action_space = "PassesAll");
  /// Starts a session that can't be.
  grpc::Status start_error(const std::shared_ptr<const Benchmark>& benchmark,
                           const std::string& action_space = "PassesAll");
  std::unique_ptr<LlvmSession> fork(LlvmSession& parent);

  /// Applies one action and ends the step. Returns whether it had an effect; throws on errors.
  static bool apply(LlvmSession& session, std::string_view flag);
  static grpc::Status try_apply(LlvmSession& session, const Event& action, bool& had_effect);

  /// Computes one observation; throws on errors.
  static Event observe(LlvmSession& session, const std::string& name);
  static grpc::Status try_observe(LlvmSession& session, const std::string& name, Event& event);
  static std::string sha1(LlvmSession& session);
  /// The same, of an observation that is an integer.
  static std::int64_t number(LlvmSession& session, const std::string& name);

  /// The reply to a parameter; throws on errors and if the session does not know it.
  static std::string parameter(LlvmSession& session, const std::string& key,
                               const std::string& value = "");

  const boost::filesystem::path directory_;
  LlvmServiceContext context_;
};

}  // namespace compiler_gym

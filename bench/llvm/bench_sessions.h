// Sessions of the LLVM service without the service, as it drives them.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"

namespace compiler_gym {

/// A context in a directory of its own, which goes with it, and sessions on it. Everything throws
/// std::runtime_error with the status if it fails: a benchmark has no other use for it.
class BenchSessions {
 public:
  explicit BenchSessions(SpareModulesOptions spare_modules = {});
  BenchSessions(const BenchSessions&) = delete;
  BenchSessions& operator=(const BenchSessions&) = delete;
  ~BenchSessions();

  [[nodiscard]] LlvmServiceContext& context() { return *context_; }

  [[nodiscard]] std::unique_ptr<LlvmSession> start(
      const std::shared_ptr<const Benchmark>& benchmark);
  [[nodiscard]] std::unique_ptr<LlvmSession> fork(LlvmSession& parent);

  /// Applies an action of PassesAll, by its flag, and ends the step.
  static void apply(LlvmSession& session, std::string_view flag);
  [[nodiscard]] static Event observe(LlvmSession& session, const std::string& space);

 private:
  const boost::filesystem::path directory_;
  std::unique_ptr<LlvmServiceContext> context_;
};

/// The number of an action of PassesAll, by its flag.
[[nodiscard]] std::int64_t action_index(std::string_view flag);

/// A benchmark without commands.
[[nodiscard]] std::shared_ptr<const Benchmark> make_benchmark(std::string bitcode);

/// One that is built with `$CC` and run.
[[nodiscard]] std::shared_ptr<const Benchmark> make_runnable_benchmark(std::string bitcode);

}  // namespace compiler_gym

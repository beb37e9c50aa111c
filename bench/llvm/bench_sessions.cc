#include "bench/llvm/bench_sessions.h"

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "sessions/llvm/actions/actions.h"
#include "tools/support/require.h"

namespace compiler_gym {

BenchSessions::BenchSessions(SpareModulesOptions spare_modules)
    : directory_(boost::filesystem::canonical(boost::filesystem::temp_directory_path()) /
                 boost::filesystem::unique_path("bench-llvm-%%%%-%%%%")),
      context_(std::make_unique<LlvmServiceContext>(directory_, ServiceContextOptions(),
                                                    spare_modules)) {
  boost::filesystem::create_directories(directory_);
  require(context_->init());
}

BenchSessions::~BenchSessions() {
  context_.reset();
  boost::system::error_code ignored;
  boost::filesystem::remove_all(directory_, ignored);
}

std::unique_ptr<LlvmSession> BenchSessions::start(
    const std::shared_ptr<const Benchmark>& benchmark) {
  auto session = std::make_unique<LlvmSession>(*context_);
  ActionSpace space;
  space.set_name("PassesAll");
  require(session->init(space, benchmark));
  return session;
}

std::unique_ptr<LlvmSession> BenchSessions::fork(LlvmSession& parent) {
  auto session = std::make_unique<LlvmSession>(*context_);
  require(session->init(&parent));
  return session;
}

void BenchSessions::apply(LlvmSession& session, std::string_view flag) {
  Event action;
  action.set_int64_value(action_index(flag));
  bool end_of_episode = false;
  bool no_effect = false;
  std::optional<ActionSpace> new_action_space;
  require(session.applyAction(action, end_of_episode, new_action_space, no_effect));
  require(session.endOfStep(no_effect, end_of_episode, new_action_space));
}

Event BenchSessions::observe(LlvmSession& session, const std::string& space) {
  ObservationSpace observation_space;
  observation_space.set_name(space);
  Event event;
  require(session.computeObservation(observation_space, event));
  return event;
}

std::int64_t action_index(std::string_view flag) {
  const auto actions = passes_all_actions();
  const auto found = std::ranges::find(actions, flag, &LlvmAction::flag);
  if (found == actions.end()) {
    throw std::runtime_error("no action " + std::string(flag));
  }
  return found - actions.begin();
}

std::shared_ptr<const Benchmark> make_benchmark(std::string bitcode) {
  auto benchmark = std::make_shared<Benchmark>();
  benchmark->set_uri("benchmark://bench/llvm");
  benchmark->mutable_program()->set_contents(std::move(bitcode));
  return benchmark;
}

std::shared_ptr<const Benchmark> make_runnable_benchmark(std::string bitcode) {
  auto benchmark = std::make_shared<Benchmark>(*make_benchmark(std::move(bitcode)));
  BenchmarkDynamicConfig& config = *benchmark->mutable_dynamic_config();
  for (const char* argument : {"$CC", "$IN", "-o", "a.out", "-lm"}) {
    config.mutable_build_cmd()->add_argument(argument);
  }
  config.mutable_build_cmd()->add_outfile("a.out");
  config.mutable_build_cmd()->set_timeout_seconds(60);
  // As CompilerGym runs crc32, of a file that is there.
  config.mutable_run_cmd()->add_argument("echo 1 >_finfo_dataset; ./a.out a.out");
  config.mutable_run_cmd()->set_timeout_seconds(60);
  return benchmark;
}

}  // namespace compiler_gym

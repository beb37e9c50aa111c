#include "tests/llvm/llvm_fixture.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "sessions/llvm/actions/actions.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

void require(const grpc::Status& status) {
  if (!status.ok()) {
    throw std::runtime_error(to_string(status));
  }
}

}  // namespace

std::shared_ptr<const Benchmark> make_benchmark(const std::string& uri,
                                                const std::string& bitcode) {
  auto benchmark = std::make_shared<Benchmark>();
  benchmark->set_uri(uri);
  benchmark->mutable_program()->set_contents(bitcode);
  return benchmark;
}

std::shared_ptr<const Benchmark> crc32_benchmark() {
  return make_benchmark("benchmark://cbench-v1/crc32", crc32_bitcode());
}

std::shared_ptr<Benchmark> runnable_benchmark(const std::string& run, const std::string& build) {
  auto benchmark = std::make_shared<Benchmark>();
  benchmark->set_uri("benchmark://test/runnable");
  benchmark->mutable_program()->set_contents(start_bitcode("demo_sort"));
  BenchmarkDynamicConfig& config = *benchmark->mutable_dynamic_config();
  config.mutable_build_cmd()->add_argument(build);
  config.mutable_build_cmd()->add_outfile("a.out");
  config.mutable_run_cmd()->add_argument(run);
  return benchmark;
}

std::int64_t action_index(std::string_view flag) {
  const auto actions = passes_all_actions();
  const auto found = std::ranges::find(actions, flag, &LlvmAction::flag);
  if (found == actions.end()) {
    throw std::runtime_error("no action " + std::string(flag));
  }
  return found - actions.begin();
}

Event action_event(std::int64_t index) {
  Event event;
  event.set_int64_value(index);
  return event;
}

LlvmFixture::LlvmFixture(ServiceContextOptions options)
    : directory_(boost::filesystem::canonical(boost::filesystem::temp_directory_path()) /
                 boost::filesystem::unique_path("llvm-test-%%%%-%%%%")),
      context_(directory_, options) {
  boost::filesystem::create_directories(directory_);
  require(context_.init());
}

LlvmFixture::~LlvmFixture() {
  EXPECT_TRUE(context_.shutdown().ok());
  boost::filesystem::remove_all(directory_);
}

std::unique_ptr<LlvmSession> LlvmFixture::start(const std::shared_ptr<const Benchmark>& benchmark,
                                                const std::string& action_space) {
  auto session = std::make_unique<LlvmSession>(context_);
  ActionSpace space;
  space.set_name(action_space);
  require(session->init(space, benchmark));
  return session;
}

grpc::Status LlvmFixture::start_error(const std::shared_ptr<const Benchmark>& benchmark,
                                      const std::string& action_space) {
  LlvmSession session(context_);
  ActionSpace space;
  space.set_name(action_space);
  return session.init(space, benchmark);
}

std::unique_ptr<LlvmSession> LlvmFixture::fork(LlvmSession& parent) {
  auto session = std::make_unique<LlvmSession>(context_);
  require(session->init(&parent));
  return session;
}

bool LlvmFixture::apply(LlvmSession& session, std::string_view flag) {
  bool had_effect = false;
  require(try_apply(session, action_event(action_index(flag)), had_effect));
  return had_effect;
}

grpc::Status LlvmFixture::try_apply(LlvmSession& session, const Event& action, bool& had_effect) {
  bool end_of_episode = false;
  bool no_effect = false;
  std::optional<ActionSpace> new_action_space;
  grpc::Status status = session.applyAction(action, end_of_episode, new_action_space, no_effect);
  if (!status.ok()) {
    return status;
  }
  had_effect = !no_effect;
  return session.endOfStep(no_effect, end_of_episode, new_action_space);
}

Event LlvmFixture::observe(LlvmSession& session, const std::string& name) {
  Event event;
  require(try_observe(session, name, event));
  return event;
}

grpc::Status LlvmFixture::try_observe(LlvmSession& session, const std::string& name, Event& event) {
  ObservationSpace space;
  space.set_name(name);
  return session.computeObservation(space, event);
}

std::int64_t LlvmFixture::number(LlvmSession& session, const std::string& name) {
  const Event event = observe(session, name);
  EXPECT_EQ(event.value_case(), Event::kInt64Value) << name;
  return event.int64_value();
}

std::string LlvmFixture::sha1(LlvmSession& session) {
  return observe(session, "IrSha1").string_value();
}

std::string LlvmFixture::parameter(LlvmSession& session, const std::string& key,
                                   const std::string& value) {
  std::optional<std::string> reply;
  require(session.handleSessionParameter(key, value, reply));
  if (!reply.has_value()) {
    throw std::runtime_error("unknown parameter " + key);
  }
  return *reply;
}

}  // namespace compiler_gym

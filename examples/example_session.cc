#include "examples/example_session.h"

namespace compiler_gym::example {

std::vector<ActionSpace> ExampleSession::getActionSpaces() const {
  ActionSpace space;
  space.set_name("default");
  auto& names = *space.mutable_space()->mutable_named_discrete();
  names.add_name("a");
  names.add_name("b");
  names.add_name("c");
  return {space};
}

std::vector<ObservationSpace> ExampleSession::getObservationSpaces() const {
  ObservationSpace ir;
  ir.set_name("ir");
  ir.mutable_space()->mutable_string_value()->mutable_length_range()->set_min(0);
  ir.set_deterministic(true);
  ir.set_platform_dependent(false);

  ObservationSpace features;
  features.set_name("features");
  auto& box = *features.mutable_space()->mutable_int64_box();
  box.mutable_low()->add_shape(3);
  box.mutable_high()->add_shape(3);
  for (int i = 0; i < 3; ++i) {
    box.mutable_low()->add_value(-100);
    box.mutable_high()->add_value(100);
  }
  features.set_deterministic(true);

  ObservationSpace runtime;
  runtime.set_name("runtime");
  runtime.mutable_space()->mutable_double_value()->set_min(0);  // unset would be minus infinity
  runtime.set_deterministic(false);
  runtime.set_platform_dependent(true);

  return {ir, features, runtime};
}

Determinism ExampleSession::determinism() const {
  Determinism determinism{.actions = true, .step_ends_only_check = true};
  determinism.parameter = [](const std::string&) { return ParameterEffect::kUnknown; };
  return determinism;
}

grpc::Status ExampleSession::init(const ActionSpace& /*actionSpace*/,
                                  const Benchmark& /*benchmark*/) {
  return grpc::Status::OK;
}

grpc::Status ExampleSession::init(CompilationSession* /*other*/) {
  return grpc::Status::OK;
}

grpc::Status ExampleSession::applyAction(const Event& action, bool& /*endOfEpisode*/,
                                         std::optional<ActionSpace>& /*newActionSpace*/,
                                         bool& /*actionHadNoEffect*/) {
  if (!action.has_int64_value() || action.int64_value() < 0 || action.int64_value() > 2) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "Out-of-range"};
  }
  return grpc::Status::OK;
}

bool ExampleSession::isCheap(const StepRequest& request) const {
  constexpr int kFew = 100;
  return request.action_size() + request.observation_space_size() <= kFew;
}

grpc::Status ExampleSession::computeObservation(const ObservationSpace& observationSpace,
                                                Event& observation) {
  if (observationSpace.name() == "ir") {
    observation.set_string_value("Hello, world!");
  } else if (observationSpace.name() == "features") {
    auto& tensor = *observation.mutable_int64_tensor();
    tensor.add_shape(3);
    for (int i = 0; i < 3; ++i) {
      tensor.add_value(0);
    }
  } else {
    observation.set_double_value(0);
  }
  return grpc::Status::OK;
}

}  // namespace compiler_gym::example

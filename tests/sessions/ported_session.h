// A session class in the shape of CompilerGym 0.2.5's plug-in interface, as somebody would bring it along: it counts the
// semicolons of a text and can remove them. To move it here, these lines were changed and no other:
//
//     - #include "compiler_gym/service/CompilationSession.h"
//     - #include "compiler_gym/service/proto/compiler_gym_service.pb.h"
//     + #include "sessions/compilation_session.h"
//
//     - explicit PortedSession(const boost::filesystem::path& workingDirectory)
//     -     : CompilationSession(workingDirectory) {}
//     + explicit PortedSession(compiler_gym::CompilerGymServiceContext& serviceContext)
//     +     : CompilationSession(serviceContext) {}
#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"

namespace ported {

using grpc::Status;
using grpc::StatusCode;

class PortedSession final : public compiler_gym::CompilationSession {
 public:
  explicit PortedSession(compiler_gym::CompilerGymServiceContext& serviceContext)
      : CompilationSession(serviceContext) {}

  std::string getCompilerVersion() const final override { return "semicolons 1.0"; }

  std::vector<compiler_gym::ActionSpace> getActionSpaces() const final override {
    compiler_gym::ActionSpace space;
    space.set_name("removal");
    space.mutable_space()->mutable_named_discrete()->add_name("first");
    space.mutable_space()->mutable_named_discrete()->add_name("all");
    return {space};
  }

  std::vector<compiler_gym::ObservationSpace> getObservationSpaces() const final override {
    compiler_gym::ObservationSpace count;
    count.set_name("count");
    count.mutable_space()->mutable_int64_value()->set_min(0);
    compiler_gym::ObservationSpace directory;
    directory.set_name("directory");
    directory.mutable_space()->mutable_string_value();
    return {count, directory};
  }

  [[nodiscard]] Status init(const compiler_gym::ActionSpace& actionSpace,
                            const compiler_gym::Benchmark& benchmark) final override {
    if (actionSpace.name() != "removal") {
      return Status(StatusCode::INTERNAL, "Unexpected action space: " + actionSpace.name());
    }
    text_ = benchmark.program().contents();
    return Status::OK;
  }

  [[nodiscard]] Status init(CompilationSession* other) final override {
    text_ = static_cast<PortedSession*>(other)->text_;
    return Status::OK;
  }

  [[nodiscard]] Status applyAction(const compiler_gym::Event& action, bool& endOfEpisode,
                                   std::optional<compiler_gym::ActionSpace>& newActionSpace,
                                   bool& actionHadNoEffect) final override {
    if (action.value_case() != compiler_gym::Event::ValueCase::kInt64Value ||
        action.int64_value() < 0 || action.int64_value() > 1) {
      return Status(StatusCode::INVALID_ARGUMENT, "Out-of-range");
    }
    const size_t before = text_.size();
    if (action.int64_value() == 1) {
      std::erase(text_, ';');
    } else if (const auto first = text_.find(';'); first != std::string::npos) {
      text_.erase(first, 1);
    }
    actionHadNoEffect = text_.size() == before;
    if (text_.empty()) {
      endOfEpisode = true;
      newActionSpace = compiler_gym::ActionSpace();
    }
    return Status::OK;
  }

  [[nodiscard]] Status endOfStep(
      bool actionHadNoEffect, bool& endOfEpisode,
      std::optional<compiler_gym::ActionSpace>& newActionSpace) final override {
    if (newActionSpace.has_value()) {
      newActionSpace->set_name("nothing left");
    }
    idleSteps_ += actionHadNoEffect && !endOfEpisode ? 1 : 0;
    return Status::OK;
  }

  [[nodiscard]] Status computeObservation(const compiler_gym::ObservationSpace& observationSpace,
                                          compiler_gym::Event& observation) final override {
    if (observationSpace.name() == "count") {
      observation.set_int64_value(std::count(text_.begin(), text_.end(), ';'));
    } else {
      observation.set_string_value(workingDirectory().string());
    }
    return Status::OK;
  }

  [[nodiscard]] Status handleSessionParameter(const std::string& key, const std::string& value,
                                              std::optional<std::string>& reply) final override {
    if (key == "semicolons.get_idle_steps") {
      reply = std::to_string(idleSteps_);
    } else if (key == "semicolons.append") {
      text_ += value;
      reply = "";
    }
    return Status::OK;
  }

 private:
  std::string text_;
  int idleSteps_ = 0;
};

}  // namespace ported

#include "sessions/compilation_session.h"

#include "core/support/status.h"

namespace compiler_gym {

CompilationSession::CompilationSession(CompilerGymServiceContext& serviceContext)
    : serviceContext_(serviceContext) {}

CompilationSession::~CompilationSession() = default;

std::string CompilationSession::getCompilerVersion() const {
  return "";
}

Determinism CompilationSession::determinism() const {
  return {};
}

bool CompilationSession::leavesNothingBehind() const {
  return false;
}

grpc::Status CompilationSession::init(const ActionSpace& actionSpace,
                                      std::shared_ptr<const Benchmark> benchmark) {
  return init(actionSpace, *benchmark);
}

grpc::Status CompilationSession::init(CompilationSession* /*other*/) {
  return unimplemented("CompilationSession::init(CompilationSession*) not implemented");
}

bool CompilationSession::leftNoTrace() const {
  return false;
}

grpc::Status CompilationSession::endOfStep(bool /*actionHadNoEffect*/, bool& /*endOfEpisode*/,
                                           std::optional<ActionSpace>& /*newActionSpace*/) {
  return grpc::Status::OK;
}

bool CompilationSession::isCheap(const StepRequest& /*request*/) const {
  return false;
}

grpc::Status CompilationSession::handleSessionParameter(const std::string& /*key*/,
                                                        const std::string& /*value*/,
                                                        std::optional<std::string>& /*reply*/) {
  return grpc::Status::OK;
}

bool CompilationSession::isQuery(const std::string& /*key*/) const {
  return false;
}

void CompilationSession::onProcessForked() {}

}  // namespace compiler_gym

#include "sessions/llvm/llvm_session.h"

#include <fmt/core.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <tuple>
#include <utility>

#include "sessions/llvm/actions/optimised_module.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/cost_observations.h"
#include "sessions/llvm/figure_parameters.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/llvm_determinism.h"
#include "sessions/llvm/module_parameters.h"
#include "sessions/llvm/observations/json_event.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/module_observations.h"
#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/benchmark_runner.h"
#include "sessions/llvm/run/bitcode_file.h"

namespace compiler_gym {
namespace {

// What takes more is computed again: a session should not weigh more than its module.
constexpr std::size_t kMaxRememberedSizeInBytes = 64 * 1024;

// For instance `kDoubleValue`, as CompilerGym's message names the field `double_value`.
std::string value_case_name(const Event& event) {
  const google::protobuf::FieldDescriptor* field = event.GetReflection()->GetOneofFieldDescriptor(
      event, event.GetDescriptor()->FindOneofByName("value"));
  if (field == nullptr) {
    return "VALUE_NOT_SET";
  }
  std::string name = "k" + field->camelcase_name();
  name[1] = static_cast<char>(name[1] - 'a' + 'A');
  return name;
}

}  // namespace

LlvmSession::LlvmSession(LlvmServiceContext& serviceContext)
    : CompilationSession(serviceContext), context_(serviceContext) {}

LlvmSession::~LlvmSession() = default;

std::string LlvmSession::getCompilerVersion() const {
  return std::string(LLVM_VERSION_STRING) + " " + llvm::sys::getDefaultTargetTriple();
}

std::vector<ActionSpace> LlvmSession::getActionSpaces() const {
  std::vector<ActionSpace> spaces;
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    CommandlineSpace flags;
    for (const LlvmAction& action : space.actions) {
      flags.add_name(std::string(action.flag));
    }
    ActionSpace& message = spaces.emplace_back();
    message.set_name(std::string(space.name));
    message.mutable_space()->mutable_any_value()->PackFrom(flags);
  }
  return spaces;
}

std::vector<ObservationSpace> LlvmSession::getObservationSpaces() const {
  return llvm_observation_spaces(context_.observation_list());
}

Determinism LlvmSession::determinism() const {
  return llvm_determinism();
}

bool LlvmSession::leavesNothingBehind() const {
  return module_ != nullptr && module_->is_sound() && runner_ == nullptr && !validation_.has_run();
}

grpc::Status LlvmSession::init(const ActionSpace& actionSpace, const Benchmark& benchmark) {
  return init(actionSpace, std::make_shared<const Benchmark>(benchmark));
}

grpc::Status LlvmSession::init(const ActionSpace& actionSpace,
                               std::shared_ptr<const Benchmark> benchmark) {
  action_space_ = find_llvm_action_space(actionSpace.name());
  if (action_space_ == nullptr) {
    return invalid_argument("Unknown action space: " + actionSpace.name());
  }
  if (grpc::Status status = refuse_after_losses(); !status.ok()) {
    return status;
  }
  benchmark_uri_ = benchmark->uri();
  Result<std::shared_ptr<const LoadedBenchmark>> loaded = context_.bitcode_cache().get(benchmark);
  if (!loaded) {
    return loaded.error();
  }
  Result<OptimisedModule> module = OptimisedModule::start(
      *std::move(loaded), context_.target_machines(), &context_.spare_modules());
  if (!module) {
    return module.error();
  }
  module_ = std::make_unique<OptimisedModule>(*std::move(module));
  return grpc::Status::OK;
}

grpc::Status LlvmSession::init(CompilationSession* other) {
  // The service makes all its sessions of one class.
  const auto& parent = static_cast<const LlvmSession&>(*other);
  if (grpc::Status status = refuse_after_losses(); !status.ok()) {
    return status;
  }
  Result<OptimisedModule> module = parent.module_->fork(stopToken());
  if (!module) {
    return module.error();
  }
  action_space_ = parent.action_space_;
  benchmark_uri_ = parent.benchmark_uri_;
  counts_ = parent.counts_;
  validation_.set_sanitizer(parent.validation_.sanitizer());
  module_ = std::make_unique<OptimisedModule>(*std::move(module));
  return grpc::Status::OK;
}

// What was built is the other process's, directory and all.
void LlvmSession::onProcessForked() {
  std::ignore = runner_.release();
  built_generation_.reset();
}

grpc::Status LlvmSession::applyAction(const Event& action, bool& /*endOfEpisode*/,
                                      std::optional<ActionSpace>& /*newActionSpace*/,
                                      bool& actionHadNoEffect) {
  if (action.value_case() != Event::kInt64Value) {
    return invalid_argument(
        fmt::format("Invalid action. Expected kInt64Value, received {}.", value_case_name(action)));
  }
  const std::int64_t index = action.int64_value();
  const auto size = static_cast<std::int64_t>(action_space_->actions.size());
  if (index < 0 || index >= size) {
    return invalid_argument(fmt::format("LlvmAction({}) is not in range [0, {})", index, size));
  }
  const LlvmAction& chosen = action_space_->actions[static_cast<std::size_t>(index)];
  module_->look_for_traces(areTracesWanted());
  const Result<bool> changed = module_->apply(chosen.pipeline, chosen.change_detection);
  if (!changed) {
    return changed.error();
  }
  actionHadNoEffect = !*changed;
  return grpc::Status::OK;
}

bool LlvmSession::leftNoTrace() const {
  return module_->left_no_trace();
}

grpc::Status LlvmSession::endOfStep(bool /*actionHadNoEffect*/, bool& /*endOfEpisode*/,
                                    std::optional<ActionSpace>& /*newActionSpace*/) {
  return module_->check();
}

grpc::Status LlvmSession::computeObservation(const ObservationSpace& observationSpace,
                                             Event& observation) {
  const std::optional<LlvmObservation> which = find_llvm_observation(observationSpace.name());
  if (!which.has_value()) {
    return invalid_argument("Unknown observation space: " + observationSpace.name());
  }
  if (grpc::Status status = module_->check(); !status.ok()) {
    return status;
  }
  if (const Remembered* known = recall(*which); known != nullptr) {
    observation = known->event;
    return known->status;
  }
  grpc::Status status = compute(*which, observation);
  remember(*which, observation, status);
  return status;
}

// A module that has changed is verified before anything is said of it, which is not cheap.
bool LlvmSession::isCheap(const StepRequest& request) const {
  return request.action().empty() && module_->is_checked() &&
         std::ranges::all_of(request.observation_space(), [this](int space) {
           return recall(static_cast<LlvmObservation>(space)) != nullptr;
         });
}

const LlvmSession::Remembered* LlvmSession::recall(LlvmObservation observation) const {
  if (remembered_generation_ != module_->generation()) {
    return nullptr;
  }
  const auto found = std::ranges::find(remembered_, observation, &Remembered::observation);
  return found == remembered_.end() ? nullptr : &*found;
}

void LlvmSession::remember(LlvmObservation observation, const Event& event,
                           const grpc::Status& status) {
  if (remembered_generation_ != module_->generation()) {
    remembered_.clear();
    remembered_generation_ = module_->generation();
  }
  if (!is_deterministic(observation) || event.ByteSizeLong() > kMaxRememberedSizeInBytes) {
    return;
  }
  // Of errors those that LLVM would run into again; what a command does may be another time's luck.
  const bool lasts =
      status.error_code() == grpc::StatusCode::INVALID_ARGUMENT && !is_buildable(dynamic_config());
  if (status.ok() || lasts) {
    remembered_.push_back({observation, event, status});
  }
}

grpc::Status LlvmSession::compute(LlvmObservation observation, Event& event) {
  if (is_module_observation(observation)) {
    return module_->read(
        [&](const llvm::Module& module) { fill_module_observation(observation, module, event); });
  }
  switch (observation) {
    case LlvmObservation::kBitcodeFile:
      return write_bitcode_file(event);
    case LlvmObservation::kCpuInfo:
      fill_json(context_.cpu_info_json(), event);
      return grpc::Status::OK;
    case LlvmObservation::kIsBuildable:
      event.set_boolean_value(is_buildable(dynamic_config()));
      return grpc::Status::OK;
    case LlvmObservation::kIsRunnable:
      event.set_boolean_value(is_runnable(dynamic_config()));
      return grpc::Status::OK;
    case LlvmObservation::kRuntime:
      return compute_runtime(event);
    case LlvmObservation::kBuildtime:
      return compute_buildtime(event);
    case LlvmObservation::kValidation:
      return compute_validation(event);
    case LlvmObservation::kRuntimeMeasurement:
      return compute_measurement(event);
    default:
      return compute_cost(observation, event);
  }
}

grpc::Status LlvmSession::compute_cost(LlvmObservation observation, Event& event) {
  const CostObservation wanted = as_cost(observation).value();
  const LoadedBenchmark& benchmark = module_->benchmark();
  std::optional<Baseline> baseline = wanted.baseline;
  if (!baseline.has_value() && module_->generation() == 0 &&
      wanted.cost != Cost::kIrInstructionCount) {
    // To generate code takes milliseconds, every session is asked for it at its start, and for one
    // benchmark it is always the same.
    baseline = Baseline::kO0;
  }
  const CostModel& model = context_.cost_model();
  Result<std::int64_t> cost = 0;
  if (baseline.has_value()) {
    cost = benchmark.baseline_cost(*baseline, wanted.cost, model, stopToken());
    if (!cost && cost.error().error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
      cost = invalid_argument(cost.error().error_message() + " (benchmark \"" + benchmark_uri_ +
                              "\")");
    }
  } else if (wanted.cost == Cost::kIrInstructionCount) {
    grpc::Status status = module_->read([&](const llvm::Module& module) {
      cost = static_cast<std::int64_t>(inst_count(module)[0]);
    });
    if (!status.ok()) {
      return status;
    }
  } else {
    const Result<std::string> bytes = bitcode(use_list_order_for(wanted.cost));
    cost = bytes ? model.size(wanted.cost, *bytes, benchmark.facts(), stopToken()) : bytes.error();
  }
  if (!cost) {
    return cost.error();
  }
  event.set_int64_value(*cost);
  return grpc::Status::OK;
}

grpc::Status LlvmSession::write_bitcode_file(Event& event) {
  const Result<std::string> bytes = bitcode();
  if (!bytes) {
    return bytes.error();
  }
  const boost::filesystem::path path = boost::filesystem::absolute(
      workingDirectory() / boost::filesystem::unique_path("module-%%%%-%%%%-%%%%.bc"));
  grpc::Status status = compiler_gym::write_bitcode_file(path, *bytes);
  if (status.ok()) {
    event.set_string_value(path.string());
  }
  return status;
}

Result<std::string> LlvmSession::bitcode(UseListOrder order) {
  std::string bytes;
  grpc::Status status =
      module_->read([&](const llvm::Module& module) { bytes = write_bitcode(module, order); });
  if (!status.ok()) {
    return status;
  }
  return bytes;
}

const BenchmarkDynamicConfig& LlvmSession::dynamic_config() const {
  return module_->benchmark().dynamic_config();
}

// `llvm.get_...`, `llvm.bitcode_cache.get_...` and their likes.
bool LlvmSession::isQuery(const std::string& key) const {
  return key.starts_with("llvm.") && key.substr(key.rfind('.')).starts_with(".get_");
}

grpc::Status LlvmSession::handleSessionParameter(const std::string& key, const std::string& value,
                                                 std::optional<std::string>& reply) {
  grpc::Status status = handle_module_parameter(key, value, *module_, reply);
  if (!status.ok() || reply.has_value()) {
    return status;
  }
  if (reply = figure_parameter(key, context_); reply.has_value()) {
    return grpc::Status::OK;
  }
  status = validation_.handle_parameter(key, value, reply);
  if (!status.ok() || reply.has_value()) {
    return status;
  }
  return handle_count_parameter(key, value, counts_, reply);
}

}  // namespace compiler_gym

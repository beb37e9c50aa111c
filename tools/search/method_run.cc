#include "tools/search/method_run.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "tools/search/sequence_runner.h"
#include "tools/search/sequence_search.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

void count(CheckVerdict verdict, FailureCounts& failures) {
  switch (verdict) {
    case CheckVerdict::kPassed:
      break;
    case CheckVerdict::kCrashed:
      ++failures.crashed;
      break;
    case CheckVerdict::kHung:
      ++failures.hung;
      break;
    case CheckVerdict::kMiscompiled:
      ++failures.miscompiled;
      break;
    case CheckVerdict::kNotReproducible:
      ++failures.not_reproducible;
      break;
  }
}

asio::awaitable<grpc::Status> search(SequenceRunner& runner, SequenceSearch& search,
                                     const SearchBudget& budget, FailureCounts& failures,
                                     double& progress) {
  const Clock::time_point began = Clock::now();
  while (std::optional<Proposal> proposal =
             search.next(progress = budget.spent(began, search.measurements()))) {
    const PassSequence passes = proposal->passes;
    const Result<std::int64_t> value = co_await runner.async_measure(*std::move(proposal));
    if (value) {
      search.report(passes, *value);
      continue;
    }
    const std::optional<CheckVerdict> fault = fault_of_passes(value.error());
    if (!fault) {
      co_return value.error();
    }
    count(*fault, failures);
    search.report(passes, std::nullopt);
  }
  co_return grpc::Status::OK;
}

/// The first that passes; if none does that is as small as what there is without a search, that.
asio::awaitable<grpc::Status> take_checked(const SearchSetting& setting,
                                           const LoadedProgram& program, Objective objective,
                                           std::vector<ScoredSequence> found,
                                           MethodResult& result) {
  for (const ScoredSequence& scored : found) {
    if (scored.value > program.baseline(objective)) {
      break;
    }
    const Result<CheckedResult> checked =
        co_await setting.check.async_check(program, objective, scored);
    if (!checked) {
      co_return checked.error();
    }
    count(checked->verdict, result.failures);
    if (checked->verdict == CheckVerdict::kPassed) {
      result.value = scored.value;
      result.command = checked->command;
      result.passes = setting.passes.pipelines(scored.passes);
      co_return grpc::Status::OK;
    }
    result.refused.push_back({.pipeline = joined_passes(setting.passes.pipelines(scored.passes)),
                              .value = scored.value,
                              .reason = checked->reason});
  }
  result.is_baseline = true;
  result.value = program.baseline(objective);
  result.command = baseline_command(program.file, program.file.name + ".o");
  co_return grpc::Status::OK;
}

}  // namespace

double SearchBudget::spent(Clock::time_point began, int measurements) const {
  if (is_over != nullptr && *is_over) {
    return 1;
  }
  const double share = steps > 0 ? static_cast<double>(measurements) / steps
                                 : std::chrono::duration<double>(Clock::now() - began) / duration;
  return std::min(share, 1.0);
}

asio::awaitable<Result<MethodResult>> async_run_method(const SearchSetting& setting,
                                                       const LoadedProgram& program,
                                                       Objective objective, MethodKind method,
                                                       std::uint64_t seed, double& progress) {
  MethodResult result{.method = method};
  const SearchSpace space = setting.passes.search_space();
  SequenceSearch sequences(make_search_method(method, space, seed), space);
  SequenceRunner runner(setting.client, setting.passes, program.uri,
                        setting.client.spaces().value(objective));
  const grpc::Status searched =
      co_await search(runner, sequences, setting.budget, result.failures, progress);
  co_await runner.async_end();
  if (!searched.ok()) {
    co_return searched;
  }
  result.measurements = sequences.measurements();
  result.improvements = sequences.improvements();
  std::vector<ScoredSequence> found = sequences.finalists();
  const grpc::Status checked =
      co_await take_checked(setting, program, objective, std::move(found), result);
  if (!checked.ok()) {
    co_return checked;
  }
  co_return result;
}

}  // namespace compiler_gym

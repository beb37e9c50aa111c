// The search's report as JSON.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "tools/search/ratio_statistics.h"
#include "tools/search/search_report.h"

namespace compiler_gym {
namespace {

namespace json = boost::json;

json::object to_value(const FailureCounts& failures) {
  return {{"crashed", failures.crashed},
          {"hung", failures.hung},
          {"miscompiled", failures.miscompiled},
          {"not_reproducible", failures.not_reproducible}};
}

json::object to_value(const MethodResult& result) {
  json::array improvements;
  for (const Improvement& improvement : result.improvements) {
    improvements.push_back(json::array{improvement.measurements, improvement.value});
  }
  json::array refused;
  for (const RefusedSequence& one : result.refused) {
    refused.push_back(
        json::object{{"pipeline", one.pipeline}, {"value", one.value}, {"reason", one.reason}});
  }
  return {{"method", to_string(result.method)},
          {"value", result.value},
          {"is_baseline", result.is_baseline},
          {"passes", json::array(result.passes.begin(), result.passes.end())},
          {"command", result.command},
          {"steps", result.measurements},
          {"improvements", std::move(improvements)},
          {"failures", to_value(result.failures)},
          {"refused", std::move(refused)}};
}

json::object to_value(const ProgramReport& program) {
  json::array methods;
  for (const MethodResult& method : program.methods) {
    methods.push_back(to_value(method));
  }
  return {{"name", program.program.name},         {"path", program.program.path},
          {"clang_oz", program.baseline},         {"clang_oz_command", program.baseline_command},
          {"is_validated", program.is_validated}, {"best", to_string(program.best().method)},
          {"methods", std::move(methods)}};
}

json::object to_value(const MethodSummary& summary, std::string_view method, std::uint64_t seed) {
  const GeometricMean mean = geometric_mean(summary.ratios, seed);
  return {{"method", method}, {"sum", summary.sum}, {"geometric_mean_ratio", mean.mean},
          {"low", mean.low},  {"high", mean.high},  {"failures", to_value(summary.failures)}};
}

json::object to_value(const ObjectiveReport& report, std::uint64_t seed) {
  json::array programs;
  for (const ProgramReport& program : report.programs) {
    programs.push_back(to_value(program));
  }
  json::array methods;
  if (!report.programs.empty()) {
    for (std::size_t i = 0; i < report.methods.size(); ++i) {
      methods.push_back(to_value(summary_of_method(report, i), to_string(report.methods[i]), seed));
    }
    methods.push_back(to_value(summary_of_best(report), "best", seed));
  }
  json::array skipped;
  for (const SkippedProgram& program : report.skipped) {
    skipped.push_back(json::object{{"path", program.path}, {"reason", program.reason}});
  }
  return {{"objective", to_string(report.objective)},
          {"programs", std::move(programs)},
          {"methods", std::move(methods)},
          {"skipped", std::move(skipped)}};
}

}  // namespace

std::string to_json(const SearchReport& report) {
  json::array objectives;
  for (const ObjectiveReport& objective : report.objectives) {
    objectives.push_back(to_value(objective, report.seed));
  }
  const json::object whole{{"service_version", report.service_version},
                           {"compiler_version", report.compiler_version},
                           {"seed", report.seed},
                           {"steps", report.steps},
                           {"seconds", report.seconds},
                           {"was_interrupted", report.was_interrupted},
                           {"objectives", std::move(objectives)}};
  return json::serialize(whole) + "\n";
}

}  // namespace compiler_gym

// The two forms in which a load's result is given: JSON for programs, a table for people.
#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/json/src.hpp>  // all of Boost.JSON, whose library is then not needed
#include <sstream>

#include "tools/load/load_result.h"

namespace compiler_gym {
namespace {

namespace json = boost::json;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

double server_cpu_per_call_us(const LoadResult& result) {
  const auto calls = static_cast<double>(result.call_count());
  return calls > 0 ? static_cast<double>(result.server->cpu.count()) / calls : 0;
}

json::object describe(const LoadOptions& options) {
  json::array observations;
  for (const std::string& name : options.observation_spaces) {
    observations.emplace_back(name);
  }
  json::object object{{"target", options.target},
                      {"loop", options.rate ? "open" : "closed"},
                      {"sessions", options.sessions},
                      {"in_flight", options.effective_in_flight()},
                      {"connections", options.connections},
                      {"stream", options.stream},
                      {"mix", options.mix.to_string()},
                      {"actions_per_step", options.actions_per_step},
                      {"avoided_actions",
                       json::array(options.avoided_actions.begin(), options.avoided_actions.end())},
                      {"episode", options.episode},
                      {"warm_steps", options.warm_steps},
                      {"cold", options.cold},
                      {"observations", std::move(observations)},
                      {"warmup_seconds", seconds(options.warmup)},
                      {"seed", options.seed}};
  if (options.rate) {
    object["rate_per_second"] = *options.rate;
  }
  return object;
}

json::object describe(const LatencyHistogram& latency) {
  return {{"min", microseconds(latency.min())},
          {"mean", microseconds(latency.mean())},
          {"p50", microseconds(latency.quantile(0.5))},
          {"p90", microseconds(latency.quantile(0.9))},
          {"p99", microseconds(latency.quantile(0.99))},
          {"p99.9", microseconds(latency.quantile(0.999))},
          {"max", microseconds(latency.max())}};
}

json::object describe(const RpcResult& rpc, const LoadResult& result) {
  json::object errors;
  for (const auto& [code, count] : rpc.errors) {
    errors[to_string(code)] = count;
  }
  json::object object{{"ok", rpc.latency.count()},
                      {"ok_per_second", result.per_second(rpc.latency.count())},
                      {"errors", std::move(errors)},
                      {"latency_us", describe(rpc.latency)}};
  if (!rpc.first_error.empty()) {
    object["first_error"] = rpc.first_error;
  }
  return object;
}

json::object describe(const ValidationResult& validation) {
  json::object verdicts;
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    if (validation.counts[i] > 0) {
      verdicts[to_string(static_cast<Verdict>(i))] = validation.counts[i];
    }
  }
  json::object object{{"sessions", validation.count()}, {"verdicts", std::move(verdicts)}};
  if (validation.validated() < validation.count()) {
    const Validation& failure = validation.first_failure;
    object["first_failure"] = {{"verdict", to_string(failure.verdict)},
                               {"reason", failure.reason},
                               {"actions", json::array(validation.actions_to_failure.begin(),
                                                       validation.actions_to_failure.end())}};
  }
  return object;
}

/// Boost.JSON writes without line breaks, and 300 as 3E2.
void indent(const json::value& value, const std::string& margin, std::ostream& out) {
  if (const double* number = value.if_double()) {
    out << fmt::format("{}", *number);
    return;
  }
  const json::object* object = value.if_object();
  if (object == nullptr || object->empty()) {
    out << value;
    return;
  }
  const char* separator = "{\n";
  for (const auto& [key, member] : *object) {
    out << separator << margin << "  " << json::value(key) << ": ";
    indent(member, margin + "  ", out);
    separator = ",\n";
  }
  out << '\n' << margin << '}';
}

std::string validations_to_text(const LoadResult& result) {
  constexpr std::size_t kMaxReason = 90;
  std::string text = "\nValidation: the programs of sessions, compared with before optimisation\n";
  for (const auto& [uri, validation] : result.validations) {
    text += "  " + uri + "\n   ";
    for (std::size_t i = 0; i < kVerdictCount; ++i) {
      if (validation.counts[i] > 0) {
        text += fmt::format(" {} {}", to_string(static_cast<Verdict>(i)), validation.counts[i]);
      }
    }
    text += '\n';
    if (validation.validated() < validation.count()) {
      const Validation& failure = validation.first_failure;
      text += fmt::format("    the first that is not, after {} actions (--json lists them): {}\n",
                          validation.actions_to_failure.size(), to_string(failure.verdict));
      const std::size_t line = std::min(failure.reason.find('\n'), kMaxReason);
      text += "      " + failure.reason.substr(0, line) + '\n';
    }
  }
  return text;
}

std::string format_latency(std::chrono::nanoseconds time) {
  const double us = microseconds(time);
  if (us < 1'000) {
    return fmt::format("{:.0f} us", us);
  }
  return us < 1'000'000 ? fmt::format("{:.1f} ms", us / 1e3) : fmt::format("{:.2f} s", us / 1e6);
}

}  // namespace

std::string to_json(const LoadOptions& options, const LoadResult& result) {
  json::object rpcs;
  for (std::size_t i = 0; i < kRpcCount; ++i) {
    if (result.rpcs[i].call_count() > 0) {
      rpcs[to_string(static_cast<Rpc>(i))] = describe(result.rpcs[i], result);
    }
  }
  json::object object{{"load", describe(options)},
                      {"service_version", result.service_version},
                      {"compiler_version", result.compiler_version},
                      {"interrupted", result.interrupted},
                      {"seconds", seconds(result.elapsed)},
                      {"operations", result.operations},
                      {"operations_per_second", result.per_second(result.operations)},
                      {"rpcs", std::move(rpcs)},
                      {"client", {{"cpu_seconds", seconds(result.client_cpu)}}}};
  if (!result.validations.empty()) {
    json::object validations;
    for (const auto& [uri, validation] : result.validations) {
      validations[uri] = describe(validation);
    }
    object["validation"] = {{"all_validated", result.all_validated()},
                            {"benchmarks", std::move(validations)}};
  }
  if (result.server) {
    const ServerResult& server = *result.server;
    object["server"] = {{"pid", server.pid},
                        {"cpu_seconds", seconds(server.cpu)},
                        {"cpu_us_per_call", server_cpu_per_call_us(result)},
                        {"rss_bytes", server.usage.rss_bytes},
                        {"peak_rss_bytes", server.usage.peak_rss_bytes},
                        {"threads", server.usage.threads}};
  }
  if (!result.server_exit.empty()) {
    object["server_exit"] = result.server_exit;
  }
  std::ostringstream text;
  indent(object, "", text);
  text << '\n';
  return text.str();
}

std::string to_text(const LoadOptions& options, const LoadResult& result) {
  constexpr double kMegabyte = 1024.0 * 1024.0;
  std::string text =
      fmt::format("{} {} ({}), {} sessions, {} in flight{}, {}\n", options.target,
                  result.service_version, result.compiler_version, options.sessions,
                  options.effective_in_flight(), options.stream ? " on streams" : "",
                  options.rate ? fmt::format("open loop at {:g}/s", *options.rate) : "closed loop");
  text += fmt::format("{} operations in {:.2f} s: {:.1f} per second{}\n\n", result.operations,
                      seconds(result.elapsed), result.per_second(result.operations),
                      result.interrupted ? " (interrupted)" : "");
  text += fmt::format("{:<13}{:>9}{:>12}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "RPC", "ok",
                      "per second", "errors", "p50", "p90", "p99", "p99.9", "max");
  std::string errors;
  for (std::size_t i = 0; i < kRpcCount; ++i) {
    const RpcResult& rpc = result.rpcs[i];
    if (rpc.call_count() == 0) {
      continue;
    }
    const std::string_view name = to_string(static_cast<Rpc>(i));
    const LatencyHistogram& latency = rpc.latency;
    text +=
        fmt::format("{:<13}{:>9}{:>12.1f}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", name, latency.count(),
                    result.per_second(latency.count()), rpc.error_count(),
                    format_latency(latency.quantile(0.5)), format_latency(latency.quantile(0.9)),
                    format_latency(latency.quantile(0.99)), format_latency(latency.quantile(0.999)),
                    format_latency(latency.max()));
    for (const auto& [code, count] : rpc.errors) {
      errors += fmt::format("  {} {}: {}\n", name, to_string(code), count);
    }
    if (!rpc.first_error.empty()) {
      errors += fmt::format("    the first: {}\n", rpc.first_error);
    }
  }
  if (!errors.empty()) {
    text += "\nErrors\n" + errors;
  }
  if (!result.validations.empty()) {
    text += validations_to_text(result);
  }
  text += fmt::format("\nclient: {:.2f} s CPU\n", seconds(result.client_cpu));
  if (result.server) {
    const ServerResult& server = *result.server;
    text += fmt::format(
        "server: {:.2f} s CPU, {:.1f} us per call; {:.1f} MB resident, {:.1f} MB at most; {} "
        "threads\n",
        seconds(server.cpu), server_cpu_per_call_us(result),
        static_cast<double>(server.usage.rss_bytes) / kMegabyte,
        static_cast<double>(server.usage.peak_rss_bytes) / kMegabyte, server.usage.threads);
  }
  if (!result.server_exit.empty()) {
    text += "server ended with " + result.server_exit + "\n";
  }
  return text;
}

}  // namespace compiler_gym

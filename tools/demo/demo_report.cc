#include "tools/demo/demo_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace compiler_gym {
namespace {

constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

constexpr std::size_t kNumber = 8;
constexpr std::size_t kGap = 2;

/// The names of the actions, without their dashes, in lines of at most `columns`.
std::vector<std::string> wrap(const ActionSequence& actions, const std::vector<std::string>& names,
                              std::size_t columns) {
  std::vector<std::string> lines(1);
  for (const int action : actions) {
    std::string_view name = names[static_cast<std::size_t>(action)];
    name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
    const bool fits = lines.back().size() + 1 + name.size() <= columns;
    if (!lines.back().empty() && !fits) {
      lines.emplace_back();
    }
    lines.back() += (lines.back().empty() ? "" : " ") + std::string(name);
  }
  return lines;
}

double percent_below(std::int64_t size, std::int64_t reference) {
  return reference == 0
             ? 0.0
             : 100.0 * static_cast<double>(reference - size) / static_cast<double>(reference);
}

std::string paint(std::string text, std::string_view code, bool colour) {
  return colour ? fmt::format("{}{}{}", code, text, kPlain) : text;
}

}  // namespace

std::string to_text(const DemoReport& report, std::size_t columns, bool colour) {
  std::size_t name_width = std::string_view("program").size();
  for (const ProgramResult& program : report.programs) {
    name_width = std::max(name_width, program.name.size());
  }
  const std::size_t left_width = name_width + 4 * kNumber + kGap;
  const std::size_t sequence_width = columns - std::min(columns, left_width);

  std::string text = paint(fmt::format("{:<{}}{:>8}{:>8}{:>8}{:>8}  {}\n", "program", name_width,
                                       "-O0", "-Oz", "found", "vs -Oz", "found by"),
                           kBold, colour);
  std::int64_t oz = 0;
  std::int64_t found = 0;
  int better = 0;
  for (const ProgramResult& program : report.programs) {
    const bool is_better = program.best.size < program.baselines.oz;
    better += is_better ? 1 : 0;
    oz += program.baselines.oz;
    found += program.best.size;
    const std::string change =
        fmt::format("{:>+7.1f}%", -percent_below(program.best.size, program.baselines.oz));
    const std::vector<std::string> lines =
        program.best.actions.empty()
            ? std::vector<std::string>{"(nothing)"}
            : wrap(program.best.actions, report.action_names, sequence_width);
    text += fmt::format("{:<{}}{:>8}{:>8}{:>8}{}  {}\n", program.name, name_width,
                        program.baselines.o0, program.baselines.oz, program.best.size,
                        paint(change, kGreen, colour && is_better), lines.front());
    for (std::size_t i = 1; i < lines.size(); ++i) {
      text += std::string(left_width, ' ') + lines[i] + '\n';
    }
  }

  const double seconds = report.search_time.count();
  const auto per_second = [&](std::uint64_t count) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
  };
  text += fmt::format(
      "\nSmaller than -Oz: {} of {} programs; all together {:+.1f}%.\n"
      "Each sequence was replayed in two new sessions: same IR, same size.\n\n"
      "Sizes: bytes of code and read-only data, LLVM {}.\n"
      "Measured as CompilerGym does, without the back end's own optimisations; -Oz\n"
      "relies on these, and so can come out above -O0.\n\n",
      better, report.programs.size(), -percent_below(found, oz), report.compiler_version);
  text += fmt::format(
      "{} sessions at a time, {} in all ({} forked)\n"
      "{} steps, {:.0f} per second; {} actions, {:.0f} per second; {} failed requests\n"
      "service: {:.0f} MB of memory at most, without the processes of its sessions\n",
      report.concurrent_sessions, report.counts.sessions, report.counts.forks, report.counts.steps,
      per_second(report.counts.steps), report.counts.actions, per_second(report.counts.actions),
      report.counts.failures, static_cast<double>(report.peak_rss_bytes) / (1024.0 * 1024.0));
  return text;
}

}  // namespace compiler_gym

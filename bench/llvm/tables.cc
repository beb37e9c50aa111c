#include "bench/llvm/tables.h"

#include <fmt/core.h>
#include <fmt/ostream.h>

#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "bench/llvm/bench_modules.h"
#include "sessions/llvm/observations/observation_spaces.h"

namespace compiler_gym {
namespace {

std::string cell(const std::optional<Seconds>& time) {
  return time.has_value() ? format(*time) : "-";
}

// The medians of one benchmark on all sizes, as cells.
std::string cells(const Results& results, const std::string& name) {
  std::string text;
  for (const ModuleSize size : kModuleSizes) {
    text += fmt::format(" {} |", cell(results.median(fmt::format("{}/{}", name, name_of(size)))));
  }
  return text;
}

void print_observations(const Results& results, std::ostream& out) {
  fmt::print(out,
             "\n| observation | small | medium | large | again, small |\n|---|--:|--:|--:|--:|\n");
  for (const ObservationSpace& space : llvm_observation_spaces()) {
    fmt::print(out, "| {} |{} {} |\n", space.name(), cells(results, "observation/" + space.name()),
               cell(results.median("again/" + space.name() + "/small")));
  }
}

void print_starts(const Results& results, std::ostream& out) {
  struct Row {
    const char* title;
    const char* benchmark;
  };
  constexpr std::array kRows{
      Row{"first start on a benchmark", "start/first"},
      Row{"next start, module parsed", "start/parsed"},
      Row{"next start, spare module", "start/spare"},
      Row{"fork after no action", "start/fork 0"},
      Row{"fork after 10 actions", "start/fork 10"},
      Row{"fork after 50 actions", "start/fork 50"},
      Row{"end", "start/end"},
  };
  fmt::print(out, "\n| session | small | medium | large |\n|---|--:|--:|--:|\n");
  for (const Row& row : kRows) {
    fmt::print(out, "| {} |{}\n", row.title, cells(results, row.benchmark));
  }
}

void print_comparisons(const Results& results, std::ostream& out) {
  struct Row {
    const char* title;
    const char* other_title;
    const char* benchmark;
    const char* other_benchmark;
    std::array<const char*, kModuleSizes.size()> wanted;
  };
  constexpr std::array kRows{
      Row{"ObjectTextSizeBytes",
          "clang -c and llvm-size",
          "observation/ObjectTextSizeBytes",
          "other/ObjectTextSizeBytes",
          {"30x", "4x", ""}},
      Row{"Programl",
          "by llvm::json::Value",
          "observation/Programl",
          "other/Programl",
          {"10x", "10x", "10x"}},
      Row{"InstCount, the numbers",
          "by llvm::InstVisitor",
          "other/InstCount alone",
          "other/InstCount",
          {"", "", ""}},
      Row{"first start",
          "and all baselines, by processes",
          "start/first",
          "eager/by processes",
          {"100x", "100x", "100x"}},
      Row{"first start",
          "and all baselines, in process",
          "start/first",
          "eager/in process",
          {"", "", ""}},
  };
  fmt::print(out,
             "\n| here | the other way | module | here | there | ratio | wanted |\n"
             "|---|---|---|--:|--:|--:|--:|\n");
  for (const Row& row : kRows) {
    for (std::size_t i = 0; i < kModuleSizes.size(); ++i) {
      const std::string_view size = name_of(kModuleSizes[i]);
      const auto here = results.median(fmt::format("{}/{}", row.benchmark, size));
      const auto there = results.median(fmt::format("{}/{}", row.other_benchmark, size));
      const std::string ratio = here && there ? fmt::format("{:.3g}x", *there / *here) : "-";
      fmt::print(out, "| {} | {} | {} | {} | {} | {} | {} |\n", row.title, row.other_title, size,
                 cell(here), cell(there), ratio, row.wanted[i]);
    }
  }
}

}  // namespace

std::string format(Seconds time) {
  struct Unit {
    const char* name;
    double seconds;
  };
  constexpr std::array kUnits{Unit{"s", 1}, Unit{"ms", 1e-3}, Unit{"us", 1e-6}, Unit{"ns", 1e-9}};
  for (const Unit& unit : kUnits) {
    if (time.count() >= unit.seconds || &unit == &kUnits.back()) {
      const double value = time.count() / unit.seconds;
      const int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
      return fmt::format("{:.{}f} {}", value, decimals, unit.name);
    }
  }
  return "";
}

void print_tables(const Results& results, std::ostream& out) {
  print_observations(results, out);
  print_starts(results, out);
  print_comparisons(results, out);
}

void print_table(const SessionMemory& memory, std::ostream& out) {
  const auto megabytes = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  const double started = megabytes(memory.started_bytes);
  const double stepped = megabytes(memory.stepped_bytes);
  fmt::print(out,
             "\n| {} sessions on the medium module | each | all |\n|---|--:|--:|\n"
             "| started | {:.2f} MB | {:.0f} MB |\n| after a step | {:.2f} MB | {:.0f} MB |\n",
             memory.sessions, started / memory.sessions, started, stepped / memory.sessions,
             stepped);
}

}  // namespace compiler_gym

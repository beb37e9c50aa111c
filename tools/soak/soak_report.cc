#include "tools/soak/soak_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "tools/support/svg_chart.h"

namespace compiler_gym {
namespace {

double no_more(double before) {
  return before;
}

// Allocators keep some of what they are given back.
double memory_limit(double before) {
  constexpr double kShare = 1.25;
  constexpr double kMegabytes = 32;
  return before * kShare + kMegabytes;
}

// gRPC 1.51 has two executors, each of which begins with one thread and adds to them when it is busy, up
// to two for each processor (src/core/lib/iomgr/executor.cc); none of these ends before the process.
double thread_limit(double before) {
  const double most = 2.0 * std::thread::hardware_concurrency();
  return before + 2 * (most - 1);
}

struct Column {
  std::string_view name;
  double (*value)(const ResourceUsage&);
  double (*limit)(double before) = no_more;
};

constexpr double kBytesPerMegabyte = 1024 * 1024;

constexpr std::array<Column, 6> kColumns{{
    {"memory, MB",
     [](const ResourceUsage& usage) {
       return static_cast<double>(usage.rss_bytes) / kBytesPerMegabyte;
     },
     memory_limit},
    {"file descriptors",
     [](const ResourceUsage& usage) { return static_cast<double>(usage.file_descriptors); }},
    {"threads", [](const ResourceUsage& usage) { return static_cast<double>(usage.threads); },
     thread_limit},
    {"processes", [](const ResourceUsage& usage) { return static_cast<double>(usage.processes); }},
    {"files", [](const ResourceUsage& usage) { return static_cast<double>(usage.files); }},
    {"bytes in files",
     [](const ResourceUsage& usage) { return static_cast<double>(usage.file_bytes); }},
}};

std::uint64_t count_unavailable(const LoadResult& load) {
  std::uint64_t count = 0;
  for (const RpcResult& rpc : load.rpcs) {
    const auto found = rpc.errors.find(grpc::StatusCode::UNAVAILABLE);
    count += found == rpc.errors.end() ? 0 : found->second;
  }
  return count;
}

}  // namespace

std::vector<SoakMetric> soak_metrics(const SoakReport& report) {
  std::vector<SoakMetric> metrics;
  for (const Column& column : kColumns) {
    SoakMetric& metric = metrics.emplace_back();
    metric.name = column.name;
    metric.before = column.value(report.before);
    metric.after = column.value(report.after);
    metric.limit = column.limit(metric.before);
    for (const SoakSample& sample : report.samples) {
      metric.most = std::max(metric.most, column.value(sample.usage));
    }
  }
  return metrics;
}

bool passed(const SoakReport& report) {
  return report.returncode == 0 && count_unavailable(report.load) == 0 &&
         std::ranges::all_of(soak_metrics(report), &SoakMetric::flat);
}

std::string to_text(const SoakReport& report) {
  std::string text = fmt::format("{:<24}{:>12}{:>12}{:>12}{:>12}\n", "held by the service",
                                 "idle before", "most", "idle after", "flat up to");
  for (const SoakMetric& metric : soak_metrics(report)) {
    text +=
        fmt::format("{:<24}{:>12.0f}{:>12.0f}{:>12.0f}{:>12.0f}  {}\n", metric.name, metric.before,
                    metric.most, metric.after, metric.limit, metric.flat() ? "flat" : "GROWN");
  }
  text += fmt::format("\n{:<24}{:>12}{:>12}\n", "requests", "answered", "failed");
  for (std::size_t i = 0; i < kRpcCount; ++i) {
    const RpcResult& rpc = report.load.rpcs[i];
    text += fmt::format("{:<24}{:>12}{:>12}", to_string(static_cast<Rpc>(i)), rpc.latency.count(),
                        rpc.error_count());
    for (const auto& [code, count] : rpc.errors) {
      text += fmt::format("  {} {}", count, to_string(code));
    }
    text += "\n";
  }
  text += "\nfaults\n";
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    text += fmt::format("{:<24}{:>12}\n", to_string(static_cast<Fault>(i)), report.faults[i]);
  }
  text += fmt::format("\nThe service ended with status {}. {}\n", report.returncode,
                      passed(report) ? "Nothing has grown." : "NOT AS IT SHOULD BE.");
  return text;
}

std::string to_svg(const SoakReport& report) {
  std::vector<Chart> charts;
  for (const Column& column : kColumns) {
    Chart& chart = charts.emplace_back();
    chart.title = column.name;
    chart.x_label = "seconds of load";
    ChartSeries& series = chart.series.emplace_back();
    series.name = column.name;
    for (const SoakSample& sample : report.samples) {
      series.points.push_back(
          {std::chrono::duration<double>(sample.at).count(), column.value(sample.usage)});
    }
  }
  return render_svg(charts);
}

}  // namespace compiler_gym

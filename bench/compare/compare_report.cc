#include "bench/compare/compare_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <sstream>

#include "tools/support/svg_chart.h"

namespace compiler_gym {
namespace {

namespace json = boost::json;

/// Those that have columns.
constexpr std::size_t kColumns = 5;

/// Three digits that count.
std::string figure(double value) {
  if (value == 0) {
    return "";
  }
  const double magnitude = std::abs(value);
  return fmt::format("{:.{}f}", value, magnitude < 10 ? 2 : magnitude < 100 ? 1 : 0);
}

std::string ratio(double value) {
  return std::isfinite(value) ? fmt::format("{:.2f}", value) : "";
}

std::string table_line(const RowResult& row, const ServerRounds& server,
                       const std::string& baseline) {
  std::string line = fmt::format("| {} | {} |", row.row.name(), server.server);
  const Measurement shown = medians(server);
  for (std::size_t i = 0; i < kColumns; ++i) {
    line += fmt::format(" {} |", figure(shown.*kMeasuredFigures[i].value));
  }
  const ServerRounds* base = row.of(baseline);
  const bool compared = base != nullptr && base != &server;
  const Measurement ratios = compared ? median_ratios(server, *base) : Measurement();
  for (std::size_t i = 0; i < kColumns; ++i) {
    line += fmt::format(" {} |", compared ? ratio(ratios.*kMeasuredFigures[i].value) : "");
  }
  return line + '\n';
}

std::string remarks(const std::vector<RowResult>& rows) {
  std::string text;
  for (const RowResult& row : rows) {
    for (const ServerRounds& server : row.servers) {
      const Measurement shown = medians(server);
      if (shown.others_per_second > 0) {
        text += fmt::format("- {}, {}: {} sessions a second were started meanwhile\n",
                            row.row.name(), server.server, figure(shown.others_per_second));
      }
      if (server.failed() > 0) {
        text += fmt::format("- {}, {}: {} calls FAILED, the first with {}\n", row.row.name(),
                            server.server, server.failed(), server.first_error());
      }
    }
  }
  return text.empty() ? text : '\n' + text;
}

json::object describe(const Measurement& measured) {
  json::object object;
  for (const MeasuredFigure& field : kMeasuredFigures) {
    const double value = measured.*field.value;
    object[field.name] = std::isfinite(value) ? json::value(value) : json::value(nullptr);
  }
  return object;
}

json::object describe(const ServerRounds& server, const ServerRounds* baseline) {
  json::array rounds;
  for (const Measurement& round : server.rounds) {
    json::object object = describe(round);
    object["operations"] = round.operations;
    object["failed"] = round.failed;
    rounds.push_back(std::move(object));
  }
  json::object object{{"server", server.server},
                      {"medians", describe(medians(server))},
                      {"rounds", std::move(rounds)}};
  if (baseline != nullptr) {
    object["median_ratios"] = describe(median_ratios(server, *baseline));
  }
  if (server.failed() > 0) {
    object["first_error"] = server.first_error();
  }
  return object;
}

}  // namespace

std::string to_markdown(const CompareSetting& setting, const std::vector<RowResult>& rows) {
  std::string text = fmt::format(
      "Medians of {} rounds of {:g} s; ratios, to `{}`, are the medians of the rounds' ratios. {} "
      "processors, load average {:.1f} before and {:.1f} after. Client and server share the "
      "processors. CPU is that of the server's processes for one operation; in-process rows have "
      "the client's in it.\n\n"
      "| row | server | per second | CPU us | p50 us | p99 us | p99.9 us | rate ratio | CPU ratio "
      "| p50 ratio | p99 ratio | p99.9 ratio |\n"
      "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
      setting.rounds, std::chrono::duration<double>(setting.duration).count(), setting.baseline,
      setting.processors, setting.load_before, setting.load_after);
  for (const RowResult& row : rows) {
    for (const ServerRounds& server : row.servers) {
      text += table_line(row, server, setting.baseline);
    }
  }
  return text + remarks(rows);
}

std::string to_json(const CompareSetting& setting, const std::vector<RowResult>& rows) {
  json::array all;
  for (const RowResult& row : rows) {
    json::array servers;
    for (const ServerRounds& server : row.servers) {
      servers.push_back(describe(server, row.of(setting.baseline)));
    }
    all.push_back(json::object{{"row", row.row.name()}, {"servers", std::move(servers)}});
  }
  const json::object object{{"rounds", setting.rounds},
                            {"seconds", std::chrono::duration<double>(setting.duration).count()},
                            {"baseline", setting.baseline},
                            {"processors", setting.processors},
                            {"load_before", setting.load_before},
                            {"load_after", setting.load_after},
                            {"rows", std::move(all)}};
  std::ostringstream text;
  text << object << '\n';
  return text.str();
}

std::string to_svg(const std::vector<RowResult>& rows) {
  std::vector<Chart> charts;
  const auto add = [&](const RowResult& row, const char* what, double Measurement::* value) {
    const std::string title =
        fmt::format("{}/{}: {}", to_string(row.row.work), to_string(row.row.transport), what);
    auto chart = std::ranges::find(charts, title, &Chart::title);
    if (chart == charts.end()) {
      charts.push_back({.title = title,
                        .x_label = "log2 of operations in flight",
                        .y_label = what,
                        .series = {}});
      chart = charts.end() - 1;
    }
    for (const ServerRounds& server : row.servers) {
      auto series = std::ranges::find(chart->series, server.server, &ChartSeries::name);
      if (series == chart->series.end()) {
        chart->series.push_back({.name = server.server, .points = {}});
        series = chart->series.end() - 1;
      }
      series->points.push_back({.x = std::log2(row.row.in_flight), .y = medians(server).*value});
    }
  };
  for (const RowResult& row : rows) {
    add(row, "operations per second", &Measurement::per_second);
    add(row, "server CPU us per operation", &Measurement::cpu_us);
    add(row, "p99 us", &Measurement::p99_us);
  }
  return render_svg(charts);
}

}  // namespace compiler_gym

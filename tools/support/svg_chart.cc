#include "tools/support/svg_chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace compiler_gym {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 220;
constexpr double kLeft = 80;
constexpr double kRight = 150;  // room for the names of the series
constexpr double kTop = 30;
constexpr double kBottom = 40;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;
constexpr std::array kColours{"#1f6fb4", "#d1495b", "#2e8b57", "#8a5fbf", "#b8860b", "#444444"};

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        safe += "&lt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

std::string text_at(double x, double y, const std::string& text, const char* anchor = "start") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escaped(text));
}

// The least of 1, 2 and 5 times a power of ten that is not less than `value`.
double round_up(double value) {
  if (value <= 0) {
    return 1;
  }
  const double magnitude = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (value <= step * magnitude) {
      return step * magnitude;
    }
  }
  return 10 * magnitude;
}

std::string render(const Chart& chart, double top) {
  double most_x = 0;
  double most_y = 0;
  for (const ChartSeries& series : chart.series) {
    for (const ChartPoint& point : series.points) {
      most_x = std::max(most_x, point.x);
      most_y = std::max(most_y, point.y);
    }
  }
  const double scale_x = kPlotWidth / (most_x > 0 ? most_x : 1);
  const double end_y = round_up(most_y);
  const double bottom = top + kTop + kPlotHeight;
  std::string svg = text_at(kLeft, top + 18, chart.title);
  constexpr int kGridLines = 4;
  for (int line = 0; line <= kGridLines; ++line) {
    const double y = bottom - kPlotHeight * line / kGridLines;
    svg += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", kLeft,
        y, kLeft + kPlotWidth, y);
    svg += text_at(kLeft - 6, y + 4, fmt::format("{:g}", end_y * line / kGridLines), "end");
  }
  svg += text_at(kLeft, bottom + 16, "0", "middle");
  svg += text_at(kLeft + kPlotWidth, bottom + 16, fmt::format("{:.4g}", most_x), "middle");
  svg += text_at(kLeft + kPlotWidth / 2, bottom + 32, chart.x_label, "middle");
  svg += text_at(kLeft - 6, top + 18, chart.y_label, "end");
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& series = chart.series[i];
    const char* const colour = kColours[i % kColours.size()];
    svg +=
        fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"", colour);
    for (const ChartPoint& point : series.points) {
      svg += fmt::format("{:.1f},{:.1f} ", kLeft + point.x * scale_x,
                         bottom - point.y / end_y * kPlotHeight);
    }
    svg += "\"/>\n";
    const double y = top + kTop + 14 + 16 * static_cast<double>(i);
    svg += fmt::format("<g fill=\"{}\">{}</g>\n", colour,
                       text_at(kLeft + kPlotWidth + 10, y, series.name));
  }
  return svg;
}

}  // namespace

std::string render_svg(const std::vector<Chart>& charts) {
  const double height = kHeight * static_cast<double>(charts.size());
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" "
      "height=\"{:.0f}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, height, kWidth, height);
  double top = 0;
  for (const Chart& chart : charts) {
    svg += render(chart, top);
    top += kHeight;
  }
  return svg + "</svg>\n";
}

}  // namespace compiler_gym

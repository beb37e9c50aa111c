// Line charts as SVG, for reports that somebody looks at in a browser.
#pragma once

#include <string>
#include <vector>

namespace compiler_gym {

struct ChartPoint {
  double x = 0;
  double y = 0;
};

struct ChartSeries {
  std::string name;
  std::vector<ChartPoint> points;
};

/// One chart; its axes begin at zero.
struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartSeries> series;
};

/// The charts below each other, as one SVG document.
[[nodiscard]] std::string render_svg(const std::vector<Chart>& charts);

}  // namespace compiler_gym

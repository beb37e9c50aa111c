#include "tools/support/svg_chart.h"

#include <gmock/gmock.h>

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Chart one_line() {
  Chart chart;
  chart.title = "memory <MB> & more";
  chart.x_label = "seconds";
  chart.series.push_back({"service", {{0, 0}, {5, 40}, {10, 80}}});
  return chart;
}

TEST(SvgChartTest, DrawsASeriesToScale) {
  const std::string svg = render_svg({one_line()});
  // The plot is 490 wide from x = 80 and 150 high down to y = 180; the axis of y ends at 100.
  EXPECT_THAT(svg, HasSubstr("points=\"80.0,180.0 325.0,120.0 570.0,60.0 \""));
  EXPECT_THAT(svg, HasSubstr(">100</text>"));
  EXPECT_THAT(svg, HasSubstr(">10</text>"));
}

TEST(SvgChartTest, EscapesTexts) {
  EXPECT_THAT(render_svg({one_line()}), HasSubstr("memory &lt;MB> &amp; more"));
}

TEST(SvgChartTest, PutsChartsBelowEachOther) {
  const std::string svg = render_svg({one_line(), one_line()});
  EXPECT_THAT(svg, HasSubstr("viewBox=\"0 0 720 440\""));
  EXPECT_THAT(svg, HasSubstr("80.0,400.0"));
}

TEST(SvgChartTest, DrawsNothingOfASeriesWithoutPoints) {
  Chart chart = one_line();
  chart.series.front().points.clear();
  const std::string svg = render_svg({chart});
  EXPECT_THAT(svg, HasSubstr("points=\"\""));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace compiler_gym

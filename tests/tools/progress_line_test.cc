#include "tools/support/progress_line.h"

#include <gtest/gtest.h>

namespace compiler_gym {
namespace {

TEST(ProgressLineTest, FillsTheBarByTheFractionDone) {
  EXPECT_EQ(render_progress(0.0, "x", 80), "[------------------------] x");
  EXPECT_EQ(render_progress(0.5, "x", 80), "[############------------] x");
  EXPECT_EQ(render_progress(1.0, "x", 80), "[########################] x");
}

TEST(ProgressLineTest, ClampsFractionsBeyondTheEnds) {
  EXPECT_EQ(render_progress(-1.0, "", 80), "[------------------------] ");
  EXPECT_EQ(render_progress(7.0, "", 80), "[########################] ");
}

TEST(ProgressLineTest, CutsOffWhatDoesNotFitTheTerminal) {
  EXPECT_EQ(render_progress(0.5, "a long text", 30), "[############------------] a l");
  EXPECT_EQ(render_progress(0.5, "a long text", 4), "[###");
}

}  // namespace
}  // namespace compiler_gym

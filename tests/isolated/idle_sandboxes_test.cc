// Which sandboxes are kept for further sessions, without a process.
#include "sessions/isolated/idle_sandboxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace compiler_gym::isolated {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class IdleSandboxesTest : public ::testing::Test {
 protected:
  static constexpr IdleSandboxes::TemplateId kTemplate = 1;
  static constexpr IdleSandboxes::TemplateId kOtherTemplate = 2;

  static RecycleOptions small() {
    return {.max_idle = 4,
            .max_idle_per_template = 3,
            .max_idle_bytes = 100,
            .max_growth_in_bytes = 5,
            .max_sessions = 10};
  }

  /// Whether it is kept.
  bool reset(IdleSandboxes::Number sandbox, IdleSandboxes::TemplateId of,
             const std::optional<ResetReport>& report = ResetReport{.size_in_bytes = 1,
                                                                    .sessions = 1}) {
    ended_.clear();
    return idle_.begin_reset(sandbox, of, ended_) && idle_.on_reset(sandbox, report, ended_);
  }

  IdleSandboxes idle_{small()};
  std::vector<IdleSandboxes::Number> ended_;  // by the last reset()
};

TEST_F(IdleSandboxesTest, TheOneThatWasUsedLastIsUsedFirst) {
  EXPECT_TRUE(reset(1, kTemplate));
  EXPECT_TRUE(reset(2, kTemplate));
  EXPECT_TRUE(reset(3, kOtherTemplate));
  EXPECT_EQ(idle_.take(kTemplate), 2U);
  EXPECT_EQ(idle_.take(kTemplate), 1U);
  EXPECT_EQ(idle_.take(kTemplate), std::nullopt);
  EXPECT_EQ(idle_.idle(), 1U);
}

TEST_F(IdleSandboxesTest, NoneIsKeptIfThatIsNotWanted) {
  RecycleOptions options = small();
  options.enabled = false;
  EXPECT_FALSE(IdleSandboxes(options).begin_reset(1, kTemplate, ended_));
}

TEST_F(IdleSandboxesTest, OneIsNotThereBeforeItHasBeenReset) {
  EXPECT_TRUE(idle_.begin_reset(1, kTemplate, ended_));
  EXPECT_EQ(idle_.resetting(kTemplate), 1U);
  EXPECT_EQ(idle_.take(kTemplate), std::nullopt);
  EXPECT_EQ(idle_.template_of(1), kTemplate);
  EXPECT_FALSE(idle_.on_reset(1, std::nullopt, ended_)) << "it has failed";
  EXPECT_EQ(idle_.resetting(), 0U);
  EXPECT_EQ(idle_.take(kTemplate), std::nullopt);
}

TEST_F(IdleSandboxesTest, SoManyOfOneTemplate) {
  EXPECT_TRUE(reset(1, kTemplate));
  EXPECT_TRUE(reset(2, kTemplate));
  EXPECT_TRUE(idle_.begin_reset(3, kTemplate, ended_));
  EXPECT_FALSE(idle_.begin_reset(4, kTemplate, ended_)) << "one that is being reset counts";
  EXPECT_TRUE(idle_.begin_reset(5, kOtherTemplate, ended_));
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(IdleSandboxesTest, OfAllTheLongestIdleGoesForANewOne) {
  for (IdleSandboxes::Number i = 1; i <= 3; ++i) {
    EXPECT_TRUE(reset(i, kTemplate));
  }
  EXPECT_TRUE(reset(4, kOtherTemplate));
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_TRUE(reset(5, kOtherTemplate));
  EXPECT_THAT(ended_, ElementsAre(1));
  EXPECT_EQ(idle_.idle(), 4U);
}

TEST_F(IdleSandboxesTest, NoneGoesForANewOneIfAllAreBeingReset) {
  for (IdleSandboxes::Number i = 1; i <= 4; ++i) {
    EXPECT_TRUE(idle_.begin_reset(i, i, ended_));
  }
  EXPECT_FALSE(idle_.begin_reset(5, 5, ended_));
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(IdleSandboxesTest, SoManyBytesOfAll) {
  EXPECT_TRUE(reset(1, kTemplate, ResetReport{.size_in_bytes = 40, .sessions = 1}));
  EXPECT_TRUE(reset(2, kTemplate, ResetReport{.size_in_bytes = 40, .sessions = 1}));
  EXPECT_EQ(idle_.idle_bytes(), 80U);
  EXPECT_TRUE(reset(3, kOtherTemplate, ResetReport{.size_in_bytes = 50, .sessions = 1}));
  EXPECT_THAT(ended_, ElementsAre(1));
  EXPECT_EQ(idle_.idle_bytes(), 90U);
  EXPECT_FALSE(reset(4, kOtherTemplate, ResetReport{.size_in_bytes = 101, .sessions = 1}));
  EXPECT_THAT(ended_, IsEmpty()) << "no other goes for one that does not fit";
}

TEST_F(IdleSandboxesTest, OneThatHasGrownGoes) {
  EXPECT_TRUE(reset(1, kTemplate, ResetReport{.size_in_bytes = 9, .grown_by = 5, .sessions = 1}));
  EXPECT_FALSE(reset(2, kTemplate, ResetReport{.size_in_bytes = 9, .grown_by = 6, .sessions = 1}));
}

TEST_F(IdleSandboxesTest, OneThatHasServedManyGoes) {
  EXPECT_TRUE(reset(1, kTemplate, ResetReport{.size_in_bytes = 1, .sessions = 9}));
  EXPECT_FALSE(reset(2, kTemplate, ResetReport{.size_in_bytes = 1, .sessions = 10}));
}

TEST_F(IdleSandboxesTest, TheLongestIdleIsGivenUpFirst) {
  EXPECT_TRUE(reset(1, kOtherTemplate));
  EXPECT_TRUE(reset(2, kTemplate));
  EXPECT_EQ(idle_.give_up(), 1U);
  EXPECT_EQ(idle_.give_up(), 2U);
  EXPECT_EQ(idle_.give_up(), std::nullopt);
  EXPECT_EQ(idle_.idle_bytes(), 0U);
}

TEST_F(IdleSandboxesTest, ThoseOfATemplateGoWithIt) {
  EXPECT_TRUE(reset(1, kTemplate));
  EXPECT_TRUE(reset(2, kOtherTemplate));
  EXPECT_TRUE(idle_.begin_reset(3, kTemplate, ended_));
  EXPECT_THAT(idle_.drop(kTemplate), ElementsAre(1));
  EXPECT_EQ(idle_.resetting(kTemplate), 0U);
  EXPECT_EQ(idle_.resetting(), 1U);
  EXPECT_FALSE(idle_.on_reset(3, ResetReport{.size_in_bytes = 1, .sessions = 1}, ended_));
  EXPECT_EQ(idle_.take(kOtherTemplate), 2U);
}

}  // namespace
}  // namespace compiler_gym::isolated

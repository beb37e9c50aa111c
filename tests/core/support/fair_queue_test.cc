// Clients that wait take turns.
#include "core/support/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::ElementsAre;

class FairQueueTest : public ::testing::Test {
 protected:
  std::vector<std::string> all() {
    std::vector<std::string> items;
    while (!queue_.empty()) {
      items.push_back(queue_.pop());
    }
    return items;
  }

  FairQueue<char, std::string> queue_;
};

TEST_F(FairQueueTest, OneClientIsServedFirstComeFirstServed) {
  for (const char* item : {"a1", "a2", "a3"}) {
    queue_.push('a', item);
  }
  EXPECT_THAT(all(), ElementsAre("a1", "a2", "a3"));
}

TEST_F(FairQueueTest, ClientsTakeTurnsHoweverMuchOneOfThemAsksFor) {
  for (const char* item : {"a1", "a2", "a3", "b1", "b2", "c1"}) {
    queue_.push(item[0], item);
  }
  EXPECT_THAT(all(), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3"));
}

TEST_F(FairQueueTest, WhoComesAnewHasItsTurnAfterAllThatWait) {
  queue_.push('a', "a1");
  queue_.push('b', "b1");
  EXPECT_EQ(queue_.pop(), "a1");
  queue_.push('a', "a2");
  queue_.push('c', "c1");
  EXPECT_THAT(all(), ElementsAre("b1", "a2", "c1"));
}

TEST_F(FairQueueTest, WhatIsPutInFrontComesNext) {
  for (const char* item : {"a1", "b1", "b2"}) {
    queue_.push(item[0], item);
  }
  queue_.push_front('b', "b0");
  EXPECT_THAT(all(), ElementsAre("b0", "a1", "b1", "b2"));
}

TEST_F(FairQueueTest, WhatIsTakenOutIsPassedOver) {
  for (const char* item : {"a1", "a2", "b1"}) {
    queue_.push(item[0], item);
  }
  const auto is = [](const char* name) {
    return [name](const std::string& item) { return item == name; };
  };
  EXPECT_EQ(queue_.erase_if('b', is("a1")), 0U) << "it is not its own";
  EXPECT_EQ(queue_.erase_if('c', is("a1")), 0U);
  EXPECT_EQ(queue_.erase_if('a', is("a1")), 1U);
  EXPECT_EQ(queue_.erase_if('b', is("b1")), 1U);
  EXPECT_THAT(all(), ElementsAre("a2"));
}

TEST_F(FairQueueTest, CountsWhatWaits) {
  for (const char* item : {"a1", "a2", "b1"}) {
    queue_.push(item[0], item);
  }
  queue_.push_front('c', "c1");
  EXPECT_EQ(queue_.size(), 4U);
  EXPECT_EQ(queue_.pop(), "c1");
  EXPECT_EQ(queue_.erase_if('a', [](const std::string&) { return true; }), 2U);
  EXPECT_EQ(queue_.size(), 1U);
  EXPECT_THAT(all(), ElementsAre("b1"));
  EXPECT_EQ(queue_.size(), 0U);
}

}  // namespace
}  // namespace compiler_gym

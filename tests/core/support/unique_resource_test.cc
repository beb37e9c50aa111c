#include "core/support/unique_resource.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "core/gate.h"
#include "core/posix/file_descriptor.h"

namespace compiler_gym {
namespace {

struct Lent {
  std::vector<int>* given_back = nullptr;
  int number = 0;
  explicit operator bool() const { return given_back != nullptr; }
  void give_back() noexcept { given_back->push_back(number); }
};
using Loan = UniqueResource<Lent>;

class UniqueResourceTest : public ::testing::Test {
 protected:
  Loan lend(int number) { return Loan(Lent{&given_back_, number}); }

  std::vector<int> given_back_;
};

TEST_F(UniqueResourceTest, GivesBackOnceWhenDestroyed) {
  {
    const Loan loan = lend(1);
  }
  EXPECT_EQ(given_back_, std::vector{1});
}

TEST_F(UniqueResourceTest, IsEmptyOnceMovedFrom) {
  Loan from = lend(1);
  const Loan to = std::move(from);
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): what the test is about
  EXPECT_TRUE(to);
  EXPECT_TRUE(given_back_.empty());
}

TEST_F(UniqueResourceTest, GivesBackAtOnceWhatItHeldWhenAssignedTo) {
  Loan loan = lend(1);
  Loan other = lend(2);
  loan = std::move(other);
  EXPECT_EQ(given_back_, std::vector{1}) << "a swap would keep it until `other` goes";
  EXPECT_EQ(loan.get().number, 2);
  EXPECT_FALSE(other);  // NOLINT(bugprone-use-after-move): what the test is about
}

TEST_F(UniqueResourceTest, GivesBackAtOnceWhenAssignedNothing) {
  Loan loan = lend(1);
  loan = Loan();
  EXPECT_EQ(given_back_, std::vector{1});
  EXPECT_FALSE(loan);
}

TEST_F(UniqueResourceTest, SurvivesBeingAssignedToItself) {
  Loan loan = lend(1);
  Loan& same = loan;
  loan = std::move(same);
  EXPECT_TRUE(loan);
  EXPECT_TRUE(given_back_.empty());
}

TEST_F(UniqueResourceTest, ResetGivesBackAndReleaseDoesNot) {
  Loan loan = lend(1);
  EXPECT_EQ(loan.release().number, 1);
  EXPECT_TRUE(given_back_.empty());
  loan = lend(2);
  loan.reset();
  loan.reset();
  EXPECT_EQ(given_back_, std::vector{2});
}

// What giving back runs may look at the owner.
struct Observed {
  const UniqueResource<Observed>* owner = nullptr;
  int number = 0;
  int* owner_held = nullptr;
  explicit operator bool() const { return owner != nullptr; }
  void give_back() noexcept;
};

void Observed::give_back() noexcept {
  if (owner_held != nullptr) {
    *owner_held = owner->get().number;
  }
}

TEST_F(UniqueResourceTest, HoldsTheNewOneBeforeItGivesTheOldOneBack) {
  int held = 0;
  UniqueResource<Observed> resource;
  resource = UniqueResource<Observed>(Observed{&resource, 1, &held});
  resource = UniqueResource<Observed>(Observed{&resource, 2});
  EXPECT_EQ(held, 2);
}

// What the tree gives out to be given back is move-only and behaves as above by being of this type.
static_assert(std::is_same_v<Gate::Pass, UniqueResource<Gate::Entry>>);
static_assert(!std::is_copy_constructible_v<FileDescriptor>);

TEST_F(UniqueResourceTest, FileDescriptorClosesWhatItHeldWhenAssignedTo) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  reading = std::move(writing);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), -1) << "closed";
  EXPECT_EQ(reading.get(), ends[1]);
}

}  // namespace
}  // namespace compiler_gym

// The decisions of one session's queue, without a thread in sight.
#include "sessions/task_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace compiler_gym::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Admission = TaskQueue::Admission;

class NamedTask final : public SessionTask {
 public:
  explicit NamedTask(char name) : SessionTask(std::stop_source()), name_(name) {}
  void run(Session& /*session*/, SessionTurn& /*turn*/) override {}
  void complete(grpc::Status /*outcome*/) override {}
  [[nodiscard]] char name() const { return name_; }

 private:
  const char name_;
};

char name_of(const std::unique_ptr<SessionTask>& task) {
  return task == nullptr ? '-' : static_cast<const NamedTask&>(*task).name();
}

std::vector<char> names_of(const std::vector<std::unique_ptr<SessionTask>>& tasks) {
  std::vector<char> names;
  for (const auto& task : tasks) {
    names.push_back(name_of(task));
  }
  return names;
}

class EndingTask final : public SessionTask {
 public:
  EndingTask() : SessionTask(std::stop_source(std::nostopstate)) {}
  void run(Session& /*session*/, SessionTurn& /*turn*/) override {}
  void complete(grpc::Status /*outcome*/) override {}
  [[nodiscard]] bool ends_session() const override { return true; }
};

class TaskQueueTest : public ::testing::Test {
 protected:
  Admission submit(char name) {
    task_ = std::make_unique<NamedTask>(name);
    stops_.push_back(task_->stop());
    return queue_.submit(task_, abandoned_);
  }
  /// Submits `a` and those after it: `a` runs, the others wait.
  void submit_up_to(char last) {
    for (char name = 'a'; name <= last; ++name) {
      ASSERT_EQ(submit(name), name == 'a' ? Admission::kRun : Admission::kWait);
    }
  }
  void client_leaves(char name) { stops_.at(static_cast<std::size_t>(name - 'a')).request_stop(); }

  TaskQueue queue_{3};
  std::unique_ptr<SessionTask> task_;  // the one submitted last, unless the queue took it
  std::vector<std::unique_ptr<SessionTask>> abandoned_;
  std::vector<std::stop_source> stops_;
};

TEST_F(TaskQueueTest, AnIdleSessionRunsATaskAtOnce) {
  EXPECT_EQ(submit('a'), Admission::kRun);
  EXPECT_EQ(name_of(task_), 'a') << "the caller keeps it, to run it";
  EXPECT_TRUE(queue_.running());
}

TEST_F(TaskQueueTest, ATaskWaitsWhileAnotherRuns) {
  submit_up_to('a');
  EXPECT_EQ(submit('b'), Admission::kWait);
  EXPECT_EQ(task_, nullptr) << "the queue has it";
  EXPECT_EQ(queue_.waiting(), 1U);
}

TEST_F(TaskQueueTest, TasksComeOutInTheOrderTheyWentIn) {
  submit_up_to('c');
  EXPECT_EQ(name_of(queue_.finish()), 'b');
  EXPECT_EQ(submit('d'), Admission::kWait) << "b runs";
  EXPECT_EQ(name_of(queue_.finish()), 'c');
  EXPECT_EQ(name_of(queue_.finish()), 'd');
  EXPECT_TRUE(queue_.running());
  EXPECT_EQ(queue_.finish(), nullptr);
  EXPECT_FALSE(queue_.running());
}

TEST_F(TaskQueueTest, IsIdleAgainWhenTheLastTaskHasFinished) {
  submit_up_to('a');
  EXPECT_EQ(queue_.finish(), nullptr);
  EXPECT_EQ(submit('b'), Admission::kRun);
}

TEST_F(TaskQueueTest, RefusesMoreThanMayWait) {
  submit_up_to('d');  // one running, three waiting
  EXPECT_EQ(submit('e'), Admission::kFull);
  EXPECT_EQ(name_of(task_), 'e') << "the caller keeps it, to refuse it";
  EXPECT_EQ(queue_.waiting(), 3U);
  static_cast<void>(queue_.finish());
  EXPECT_EQ(submit('f'), Admission::kWait) << "there is room again";
}

TEST_F(TaskQueueTest, ATaskThatEndsTheSessionMayWaitBeyondTheBound) {
  submit_up_to('d');
  std::unique_ptr<SessionTask> ending = std::make_unique<EndingTask>();
  EXPECT_EQ(queue_.submit(ending, abandoned_), Admission::kWait);
  EXPECT_EQ(queue_.waiting(), 4U);
  EXPECT_EQ(submit('e'), Admission::kFull);
}

TEST_F(TaskQueueTest, WithRoomForNoneATaskRunsOrIsRefused) {
  TaskQueue none(0);
  std::unique_ptr<SessionTask> first = std::make_unique<NamedTask>('a');
  std::unique_ptr<SessionTask> second = std::make_unique<NamedTask>('b');
  EXPECT_EQ(none.submit(first, abandoned_), Admission::kRun);
  EXPECT_EQ(none.submit(second, abandoned_), Admission::kFull);
}

TEST_F(TaskQueueTest, AbandonedTasksMakeRoomWhenItIsNeeded) {
  submit_up_to('d');
  client_leaves('b');
  client_leaves('d');
  EXPECT_EQ(submit('e'), Admission::kWait);
  EXPECT_THAT(names_of(abandoned_), ElementsAre('b', 'd'));
  EXPECT_EQ(name_of(queue_.finish()), 'c') << "the others keep their order";
  EXPECT_EQ(name_of(queue_.finish()), 'e');
}

TEST_F(TaskQueueTest, AbandonedTasksKeepTheirPlaceWhileThereIsRoom) {
  submit_up_to('c');
  client_leaves('b');
  EXPECT_EQ(submit('d'), Admission::kWait);
  EXPECT_THAT(abandoned_, IsEmpty());
  EXPECT_EQ(name_of(queue_.finish()), 'b');
}

TEST_F(TaskQueueTest, TheRunningTaskMakesNoRoom) {
  submit_up_to('d');
  client_leaves('a');
  EXPECT_EQ(submit('e'), Admission::kFull);
  EXPECT_THAT(abandoned_, IsEmpty());
}

TEST_F(TaskQueueTest, EndingHandsOutThoseThatWait) {
  submit_up_to('c');
  EXPECT_THAT(names_of(queue_.end()), ElementsAre('b', 'c'));
  EXPECT_TRUE(queue_.ended());
  EXPECT_TRUE(queue_.running()) << "the running one is left to itself";
  EXPECT_EQ(queue_.finish(), nullptr);
  EXPECT_FALSE(queue_.running());
}

TEST_F(TaskQueueTest, ClosingHandsOutThoseThatWaitAndAdmitsNoMore) {
  submit_up_to('c');
  EXPECT_THAT(names_of(queue_.close()), ElementsAre('b', 'c'));
  EXPECT_EQ(submit('d'), Admission::kClosed) << "the running one runs on";
  EXPECT_EQ(name_of(task_), 'd') << "the caller keeps it, to refuse it";
  EXPECT_EQ(queue_.finish(), nullptr);
  EXPECT_EQ(submit('e'), Admission::kClosed);
  EXPECT_FALSE(queue_.ended());
  EXPECT_THAT(queue_.end(), IsEmpty());
  EXPECT_EQ(submit('f'), Admission::kEnded);
}

TEST_F(TaskQueueTest, AdmitsNothingOnceEnded) {
  EXPECT_THAT(queue_.end(), IsEmpty());
  EXPECT_EQ(submit('a'), Admission::kEnded);
  EXPECT_EQ(name_of(task_), 'a') << "the caller keeps it, to refuse it";
  EXPECT_FALSE(queue_.running());
}

}  // namespace
}  // namespace compiler_gym::internal

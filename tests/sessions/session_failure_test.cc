// What goes wrong in one request costs that request, and nothing else.
#include <gmock/gmock.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/continuation_executor.h"
#include "sessions/session.h"
#include "sessions/session_executor_factory.h"
#include "sessions/task_queue.h"
#include "tests/sessions/service_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// -------------------------------------------------------------------------- an executor that fails

/// Its operations do what the test says; by default they succeed.
struct ExecutorScript {
  std::function<SessionExecutor::Operation<grpc::Status>()> on_step;
};

SessionExecutor::Operation<grpc::Status> succeed() {
  co_return grpc::Status::OK;
}

SessionExecutor::Operation<grpc::Status> fail_by_exception() {
  throw std::runtime_error("a bug");
  co_return grpc::Status::OK;
}

/// Waits for an operation that forgets who waits.
SessionExecutor::Operation<grpc::Status> wait_for_ever() {
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [](auto handler) { const UniqueHandler<void()> dropped(std::move(handler)); },
      boost::asio::use_awaitable);
  co_return grpc::Status::OK;
}

class FakeExecutor final : public SessionExecutor {
 public:
  explicit FakeExecutor(ExecutorScript& script) : script_(script) {}

  Operation<grpc::Status> step(StepExchange& /*step*/, std::stop_source /*stop*/) override {
    return script_.on_step ? script_.on_step() : succeed();
  }
  Operation<ParametersOutcome> set_parameters(const SendSessionParameterRequest& /*request*/,
                                              SendSessionParameterReply& /*reply*/,
                                              std::stop_source /*stop*/) override {
    co_return ParametersOutcome();
  }
  Operation<Result<std::unique_ptr<SessionExecutor>>> fork(std::stop_source /*stop*/) override {
    throw std::runtime_error("no forks today");
  }
  Operation<void> end() override { co_return; }

 private:
  ExecutorScript& script_;
};

class FakeFactory final : public SessionExecutorFactory {
 public:
  explicit FakeFactory(ExecutorScript& script) : script_(script) {}

  SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> start(
      const StartSessionRequest& /*request*/, std::shared_ptr<const Benchmark> /*benchmark*/,
      StartSessionReply& /*reply*/, ClientId /*client*/, std::stop_source /*stop*/) override {
    co_return std::make_unique<FakeExecutor>(script_);
  }
  void close() override {}

 private:
  ExecutorScript& script_;
};

class FailingExecutorTest : public ServiceFixture {
 protected:
  Session::Id started_on_fake() {
    serve({.executor = ExecutorKind::kIsolated}, {}, std::make_unique<FakeFactory>(executor_));
    return started();
  }

  ExecutorScript executor_;
};

TEST_F(FailingExecutorTest, AnOperationThatThrowsIsInternalAndTheSessionGoesOn) {
  const Session::Id session = started_on_fake();
  executor_.on_step = fail_by_exception;
  EXPECT_EQ(failure(step(session, {1})->get()), "INTERNAL: Unhandled exception: a bug");
  executor_.on_step = succeed;
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
}

TEST_F(FailingExecutorTest, ATaskThatThrowsIsInternalAndTheSessionGoesOn) {
  const Session::Id session = started_on_fake();
  executor_.on_step = []() -> SessionExecutor::Operation<grpc::Status> {
    throw std::runtime_error("not even a coroutine");
  };
  EXPECT_EQ(failure(step(session, {1})->get()),
            "INTERNAL: Unhandled exception: not even a coroutine");
  EXPECT_EQ(failure(fork(session)->get()), "INTERNAL: Unhandled exception: no forks today");
  EXPECT_EQ(service->session_count(), 1U) << "the fork that failed left nothing behind";
  executor_.on_step = succeed;
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
}

TEST_F(FailingExecutorTest, AnOperationDroppedWithoutAnAnswerIsInternalAndTheSessionGoesOn) {
  const Session::Id session = started_on_fake();
  executor_.on_step = wait_for_ever;
  const StepCall dropped = step(session, {1});
  EXPECT_EQ(failure(dropped->get()), "INTERNAL: The request was dropped without an answer");
  executor_.on_step = succeed;
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
}

// ------------------------------------------------------------------------------ tasks of a Session

class FailingTask final : public internal::SessionTask {
 public:
  using Run = std::function<void(SessionTurn&)>;
  FailingTask(std::vector<std::string>& outcomes, Run run)
      : SessionTask(std::stop_source()), outcomes_(outcomes), run_(std::move(run)) {}

  void run(Session& /*session*/, SessionTurn& turn) override { run_(turn); }
  void complete(grpc::Status outcome) override {
    outcomes_.push_back(to_string(outcome));
    if (outcome.error_code() == grpc::StatusCode::ABORTED) {
      throw std::runtime_error("the handler");
    }
  }

 private:
  std::vector<std::string>& outcomes_;
  const Run run_;
};

class FailingTaskTest : public ServiceFixture {
 protected:
  void submit(FailingTask::Run run) {
    session_->submit(std::make_unique<FailingTask>(outcomes_, std::move(run)));
  }

  std::vector<std::string> outcomes_;
  ExecutorScript executor_;
  const boost::asio::any_io_executor base_ = workers.executor();
  const std::shared_ptr<Session> session_ =
      std::make_shared<Session>(3, std::make_unique<FakeExecutor>(executor_), SessionOrigin(),
                                Gate::Pass(), 4, ContinuationExecutor(&base_), logger);
};

TEST_F(FailingTaskTest, TheNextOneRunsAfterOneThatLetItsTurnGo) {
  std::optional<SessionTurn> held;
  submit([&](SessionTurn& turn) { held.emplace(std::move(turn)); });
  submit([&](SessionTurn& turn) { turn.finish(grpc::Status::OK); });
  EXPECT_THAT(outcomes_, ElementsAre()) << "the first has its turn";
  held.reset();
  EXPECT_THAT(outcomes_, ElementsAre("OK", "INTERNAL: The request was dropped without an answer"))
      << "the session was free before the first client heard of it";
}

TEST_F(FailingTaskTest, TheNextOneRunsAfterOneThatThrew) {
  submit([](SessionTurn& /*turn*/) { throw std::runtime_error("the task"); });
  submit([](SessionTurn& turn) { turn.finish(grpc::Status::OK); });
  EXPECT_THAT(outcomes_, ElementsAre("INTERNAL: Unhandled exception: the task", "OK"));
  EXPECT_EQ(logger.count(LogLevel::kError, "session 3, a request: Unhandled exception: the task"),
            1)
      << logger.text();
}

TEST_F(FailingTaskTest, TheNextOneRunsAfterOneThatThrewWhenItsTurnWasGivenAway) {
  submit([](SessionTurn& turn) {
    const SessionTurn away(std::move(turn));
    throw std::runtime_error("too late to be an answer");
  });
  submit([](SessionTurn& turn) { turn.finish(grpc::Status::OK); });
  EXPECT_THAT(outcomes_, ElementsAre("INTERNAL: The request was dropped without an answer", "OK"));
}

TEST_F(FailingTaskTest, AHandlerThatThrowsIsLoggedAndTheOthersHearOfTheirs) {
  std::optional<SessionTurn> held;
  submit([&](SessionTurn& turn) { held.emplace(std::move(turn)); });
  submit([](SessionTurn& turn) { turn.finish(grpc::Status::OK); });
  held->finish(grpc::Status(grpc::StatusCode::ABORTED, "throw"));
  submit([](SessionTurn& turn) { turn.finish(grpc::Status::OK); });
  EXPECT_THAT(outcomes_, ElementsAre("OK", "ABORTED: throw", "OK"));
  EXPECT_EQ(logger.count(LogLevel::kError,
                         "session 3, a request's handler: Unhandled exception: the handler"),
            1)
      << logger.text();
}

// ------------------------------------------------------------------------------- clients' handlers

TEST_F(FailingExecutorTest, AClientsHandlerThatThrowsIsLoggedWithItsPlaceAndTheServiceGoesOn) {
  serve();
  const Session::Id session = started();
  StepRequest request;
  request.set_session_id(session);
  *request.add_action() = int64_event(1);
  StepReply reply;
  service->async_step(request, reply, {}, [](const grpc::Status& /*status*/) {
    throw std::runtime_error("a client's bug");
  });
  EXPECT_THAT(history(session), ElementsAre(1)) << "a step behind the one whose handler throws";
  poll_until([this] {
    return logger.count(LogLevel::kError,
                        "a request's handler: Unhandled exception: a client's bug") == 1;
  });

  // One that is called inside the initiating call, which is not its business either.
  request.set_session_id(session + 1);
  EXPECT_NO_THROW(service->async_step(request, reply, {}, [](const grpc::Status& /*status*/) {
    throw std::runtime_error("no such session");
  }));
  EXPECT_THAT(logger.text(),
              HasSubstr("a request's handler: Unhandled exception: no such session"));
}

}  // namespace
}  // namespace compiler_gym::testing

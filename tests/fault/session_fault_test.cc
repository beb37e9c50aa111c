// What a session that fails costs: itself one request, and nobody else anything.
#include <fmt/core.h>

#include <memory>
#include <string_view>

#include "core/posix/processes.h"
#include "core/support/status.h"
#include "tests/fault/control_group.h"
#include "tests/fault/fault_fixture.h"
#include "tests/support/sanitized.h"

namespace compiler_gym::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;

/// See FaultySession.
struct SessionFault {
  std::string_view place;
  std::string_view manner;
  std::string_view outcome;  ///< `{}` is the session's number
};

constexpr std::string_view kStatus = "FAILED_PRECONDITION: it was told to fail";
constexpr std::string_view kException = "INTERNAL: Unhandled exception: it was told to throw";
constexpr std::string_view kBadAlloc = "INTERNAL: Unhandled exception: std::bad_alloc";

/// Wherever the session is.
std::vector<SessionFault> mild_faults() {
  std::vector<SessionFault> faults;
  for (const auto* place : {"init", "step", "observation", "end_of_step", "parameter"}) {
    faults.push_back({place, "status", kStatus});
    faults.push_back({place, "exception", kException});
    faults.push_back({place, "bad_alloc", kBadAlloc});
  }
  return faults;
}

std::vector<SessionFault> inline_faults() {
  std::vector<SessionFault> faults = mild_faults();
  if (!kSanitized) {
    faults.push_back({"init", "huge", kBadAlloc});
    faults.push_back({"step", "huge", kBadAlloc});
    faults.push_back({"observation", "huge", kBadAlloc});
  }
  return faults;
}

std::vector<SessionFault> isolated_faults() {
  std::vector<SessionFault> faults = mild_faults();
  faults.push_back({"step", "hang", "DEADLINE_EXCEEDED"});
  if (!kSanitized) {
    for (const auto* manner : {"huge", "memory"}) {
      faults.push_back(
          {"init", manner,
           "INVALID_ARGUMENT: Benchmark \"benchmark://fault/{1}\" can't be loaded: its "
           "sandbox process reached its limit of memory"});
      faults.push_back({"step", manner,
                        "DATA_LOSS: Session {0}, action 2 of 3 (string_value: \"step:{1}\"): its "
                        "sandbox process reached its limit of memory"});
    }
    faults.push_back({"step", "segv",
                      "DATA_LOSS: Session {0}, action 2 of 3 (string_value: \"step:segv\"): its "
                      "sandbox process was ended by signal 11 (Segmentation fault)"});
  }
  return faults;
}

class SessionFaultTest : public FaultTest {
 protected:
  static constexpr std::int64_t kBefore = 103;  // -mem2reg
  static constexpr std::int64_t kAfter = 39;    // -gvn

  void run_under(const std::vector<SessionFault>& faults) {
    const auto suffer_one = [&](int time) {
      return suffer(faults[static_cast<std::size_t>(time)]);
    };
    EXPECT_THAT(run_crowd(static_cast<int>(faults.size()), suffer_one), IsEmpty());
    stop();
  }

  boost::asio::awaitable<void> suffer(SessionFault fault) {
    if (fault.place == "init") {
      StartSessionRequest request;
      request.mutable_benchmark()->set_uri(fmt::format("benchmark://fault/{}", fault.manner));
      request.mutable_benchmark()->mutable_program()->set_contents(program_);
      const auto reply = co_await client_->start_session(std::move(request));
      expect(fault, -1, reply ? grpc::Status::OK : reply.error());
      co_return;
    }
    Crowd outsiders(*client_, program_, 0);
    const Result<std::int64_t> victim = co_await outsiders.async_start_session();
    const Result<std::int64_t> replay = co_await outsiders.async_start_session();
    if (!victim || !replay) {
      ADD_FAILURE() << "no session can be started for " << fault.place << ':' << fault.manner;
      co_return;
    }
    std::vector<std::int64_t> applied;
    if (fault.place == "parameter") {
      SendSessionParameterRequest request;
      request.set_session_id(*victim);
      request.add_parameter()->set_key("fault");
      request.mutable_parameter(0)->set_value(std::string(fault.manner));
      const auto reply = co_await client_->send_session_parameter(std::move(request));
      expect(fault, *victim, reply ? grpc::Status::OK : reply.error());
    } else {
      StepRequest request;
      request.set_session_id(*victim);
      request.add_action()->set_int64_value(kBefore);
      request.add_action()->set_string_value(fmt::format("{}:{}", fault.place, fault.manner));
      request.add_action()->set_int64_value(kAfter);
      request.add_observation_space(1);
      CallOptions options;
      if (fault.manner == "hang") {
        options.timeout = std::chrono::seconds(1);  // enough for the action before it
      }
      const auto reply = co_await client_->step(std::move(request), options);
      expect(fault, *victim, reply ? grpc::Status::OK : reply.error());
      applied = {kBefore};
      if (fault.place != "step") {
        applied.push_back(kAfter);
      }
    }
    const Result<std::string> here = co_await outsiders.async_state(*victim, {});
    const Result<std::string> there = co_await outsiders.async_state(*replay, applied);
    EXPECT_TRUE(here) << fault.place << ':' << fault.manner << ": " << to_string(here.error());
    if (here && there) {
      EXPECT_EQ(*here, *there) << fault.place << ':' << fault.manner;
    }
    co_await outsiders.async_end_session(*victim);
    co_await outsiders.async_end_session(*replay);
  }

  static void expect(const SessionFault& fault, std::int64_t session, const grpc::Status& status) {
    EXPECT_THAT(to_string(status),
                StartsWith(fmt::format(fmt::runtime(fault.outcome), session, fault.manner)))
        << fault.place << ':' << fault.manner;
  }
};

TEST_F(SessionFaultTest, InlineCostsItsSessionOneRequest) {
  serve({"--executor=inline"}, kFaultyLlvmService);
  run_under(inline_faults());
}

TEST_F(SessionFaultTest, IsolatedCostsItsSessionOneRequest) {
  serve({"--executor=isolated", "--sandbox_memory=1G"}, kFaultyLlvmService);
  run_under(isolated_faults());
}

// Where the kernel chooses who has to go.
TEST_F(SessionFaultTest, ThatUsesUpTheMemoryOfTheControlGroupCostsItsSessionOneRequest) {
  constexpr std::uint64_t kLeft = 256 << 20;
  const Result<std::unique_ptr<ControlGroup>> group = ControlGroup::of_memory();
  if (!group) {
    GTEST_SKIP() << group.error().error_message();
  }
  serve({"--executor=isolated", "--sandbox_memory=0"}, kFaultyLlvmService);
  for (const pid_t pid : process_tree(service_->pid())) {
    (*group)->add(pid);
  }
  const SessionFault fault{
      "step", "memory",
      "DATA_LOSS: Session {0}, action 2 of 3 (string_value: \"step:{1}\"): its "
      "sandbox process was ended by signal 9 (Killed)"};
  const auto use_up = [&](int) {
    EXPECT_TRUE((*group)->leave_bytes(kLeft));
    return suffer(fault);
  };
  EXPECT_THAT(run_crowd(/*faults=*/4, use_up), IsEmpty());
  stop();
}

}  // namespace
}  // namespace compiler_gym::testing

// LLVM sessions in sandbox processes: the same results as inline, whatever happens to the processes.
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"
#include "tests/isolated/isolated_fixture.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/support/sanitized.h"

namespace compiler_gym::testing {
namespace {

class IsolatedLlvmTest : public IsolatedTest {
 protected:
  IsolatedLlvmTest()
      : IsolatedTest({.make_context =
                          [](const boost::filesystem::path& directory) {
                            return std::make_unique<LlvmServiceContext>(directory);
                          },
                      .make_session =
                          [](CompilerGymServiceContext& made) {
                            return std::make_unique<LlvmSession>(
                                static_cast<LlvmServiceContext&>(made));
                          }}) {
    EXPECT_TRUE(context().init().ok());
    isolated::IsolationOptions options;
    options.program_stamp = &LlvmServiceContext::programStamp;
    serve_isolated(options);
  }

  Session::Id started_on_crc32(const std::string& where = "isolated") {
    StartSessionRequest request;
    *request.mutable_benchmark() = *crc32_benchmark();
    const Result<StartSessionReply> reply = start(std::move(request));
    EXPECT_TRUE(reply) << failure(reply);
    const Session::Id session = reply ? reply->session_id() : -1;
    EXPECT_EQ(failure(parameter(session, "service.executor", where)->get()), "OK");
    return session;
  }

  Event observe(Session::Id session, LlvmObservation what) {
    const Result<StepReply> reply = step(session, {}, {static_cast<int>(what)})->get();
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? reply->observation(0) : Event();
  }
  std::string sha1(Session::Id session) {
    return observe(session, LlvmObservation::kIrSha1).string_value();
  }

  /// The sandbox processes; one of them is the template.
  [[nodiscard]] std::vector<pid_t> sandboxes_of_zygote() const {
    std::vector<pid_t> found;
    for (const auto& entry : boost::filesystem::directory_iterator("/proc")) {
      std::ifstream file((entry.path() / "stat").string());
      std::string pid;
      std::string name;
      char state = 0;
      pid_t parent = 0;
      if (file >> pid >> name >> state >> parent && parent == zygote_process_) {
        found.push_back(std::stoi(pid));
      }
    }
    return found;
  }
};

const std::vector<std::int64_t>& sequence() {
  static const std::vector<std::int64_t> kSequence = [] {
    std::vector<std::int64_t> actions;
    for (const char* flag : {"-mem2reg", "-simplifycfg", "-gvn", "-loop-rotate", "-licm",
                             "-instcombine", "-inline", "-jump-threading", "-sroa"}) {
      actions.push_back(action_index(flag));
    }
    return actions;
  }();
  return kSequence;
}

TEST_F(IsolatedLlvmTest, EveryStepIsAsInline) {
  const Session::Id isolated = started_on_crc32();
  const Session::Id inlined = started_on_crc32("inline");
  EXPECT_EQ(sha1(isolated), sha1(inlined));
  for (const std::int64_t action : sequence()) {
    EXPECT_EQ(failure(step(isolated, {action})->get()), "OK");
    EXPECT_EQ(failure(step(inlined, {action})->get()), "OK");
    EXPECT_EQ(sha1(isolated), sha1(inlined));
  }
  for (const auto what : {LlvmObservation::kIr, LlvmObservation::kInstCount,
                          LlvmObservation::kObjectTextSizeBytes, LlvmObservation::kPrograml}) {
    EXPECT_EQ(observe(isolated, what).SerializeAsString(),
              observe(inlined, what).SerializeAsString());
  }
}

TEST_F(IsolatedLlvmTest, AForkGoesOnExactlyAsItsParent) {
  const Session::Id parent = started_on_crc32();
  for (const std::int64_t action : sequence()) {
    const Session::Id fork = forked(parent);
    EXPECT_EQ(failure(step(fork, {action})->get()), "OK");
    EXPECT_EQ(failure(step(parent, {action})->get()), "OK");
    EXPECT_EQ(sha1(fork), sha1(parent));
    remaining_after_end(fork);
  }
}

TEST_F(IsolatedLlvmTest, ARestoredSessionIsExactlyWhatItWas) {
  const Session::Id session = started_on_crc32();
  const Session::Id untouched = started_on_crc32("inline");
  for (const std::int64_t action : sequence()) {
    EXPECT_EQ(failure(step(session, {action})->get()), "OK");
    EXPECT_EQ(failure(step(untouched, {action})->get()), "OK");
    for (const pid_t sandbox : sandboxes_of_zygote()) {
      kill(sandbox, SIGKILL);  // the session's, and the template
    }
    EXPECT_EQ(sha1(session), sha1(untouched));
  }
}

TEST_F(IsolatedLlvmTest, BaselinesAreOfTheBenchmarkAndNotOfAProcess) {
  const Session::Id first = started_on_crc32();
  const Session::Id second = started_on_crc32();
  const Session::Id inlined = started_on_crc32("inline");
  for (const auto what :
       {LlvmObservation::kIrInstructionCountO3, LlvmObservation::kObjectTextSizeOz}) {
    const std::int64_t value = observe(first, what).int64_value();
    EXPECT_GT(value, 0);
    EXPECT_EQ(observe(second, what).int64_value(), value);
    EXPECT_EQ(observe(inlined, what).int64_value(), value);
  }
}

// One that has a thread can't be forked: and spare modules, for a benchmark that is asked for again, are made by one.
TEST_F(IsolatedLlvmTest, AProcessThatServesManySessionsStaysOneOfOneThread) {
  if (testing::kThreadSanitized) {
    GTEST_SKIP() << "the sanitizer has a thread of its own in every process";
  }
  const Session::Id untouched = started_on_crc32("inline");
  for (int i = 0; i < 3; ++i) {
    const Session::Id session = started_on_crc32();
    EXPECT_EQ(sha1(session), sha1(untouched));
    EXPECT_EQ(failure(step(session, sequence())->get()), "OK");
    remaining_after_end(session);
  }
  EXPECT_EQ(sandboxes("reused"), 3U);
  for (const pid_t sandbox : sandboxes_of_zygote()) {
    const boost::filesystem::path threads = "/proc/" + std::to_string(sandbox) + "/task";
    EXPECT_EQ(std::distance(boost::filesystem::directory_iterator(threads), {}), 1);
  }
}

TEST_F(IsolatedLlvmTest, BitcodeThatIsNoneIsABadRequest) {
  EXPECT_THAT(failure(start("benchmark://user-v0/none")),
              ::testing::StartsWith(
                  "INVALID_ARGUMENT: Failed to parse LLVM bitcode: \"benchmark://user-v0/none\""));
}

}  // namespace
}  // namespace compiler_gym::testing

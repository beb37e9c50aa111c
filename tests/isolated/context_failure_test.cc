// A context that can't be initialised where sandboxes are forked.
#include <stdexcept>

#include "core/support/status.h"
#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {
namespace {

class FailingContext final : public CompilerGymServiceContext {
 public:
  FailingContext(boost::filesystem::path directory, bool throws)
      : CompilerGymServiceContext(std::move(directory)), throws_(throws) {}
  grpc::Status init() override {
    if (throws_) {
      throw std::runtime_error("no licence server");
    }
    return failed_precondition("no licence server");
  }

 private:
  const bool throws_;
};

/// Whether init() throws, rather than to return a status.
class ContextFailureTest : public IsolatedTest, public ::testing::WithParamInterface<bool> {
 protected:
  ContextFailureTest()
      : IsolatedTest({.make_context = [](const boost::filesystem::path& directory) {
          return std::make_unique<FailingContext>(directory, GetParam());
        }}) {}
};

TEST_P(ContextFailureTest, IsWhyNoSessionStartsThere) {
  const std::string why = GetParam() ? "INTERNAL: Unhandled exception: no licence server"
                                     : "FAILED_PRECONDITION: no licence server";
  serve_isolated();
  EXPECT_EQ(failure(start()), why);
  EXPECT_EQ(failure(start()), why);
  EXPECT_EQ(service->session_count(), 0U);
  EXPECT_FALSE(is_gone(zygote_process_));
}

TEST_P(ContextFailureTest, DoesNotConcernInlineSessions) {
  serve_isolated({}, {.executor = ExecutorKind::kInline});
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  EXPECT_EQ(failure(parameter(session, "push", "2")->get()), "OK");
  EXPECT_EQ(process_of(session), getpid());
}

INSTANTIATE_TEST_SUITE_P(, ContextFailureTest, ::testing::Bool(), [](const auto& row) {
  return std::string(row.param ? "Throws" : "Fails");
});

}  // namespace
}  // namespace compiler_gym::testing

// What a context's constructor is given.
#include <gtest/gtest.h>

#include "async_server/create_and_run_compiler_gym_service.h"
#include "tests/sessions/ported_session.h"

namespace compiler_gym::testing {
namespace {

class HeedingContext final : public CompilerGymServiceContext {
 public:
  HeedingContext(boost::filesystem::path workingDirectory, const ServiceContextOptions& given)
      : CompilerGymServiceContext(std::move(workingDirectory)), options(given) {}
  const ServiceContextOptions options;
};

TEST(ServicePluginTest, AContextThatTakesTheOptionsIsGivenThem) {
  const ServicePlugin plugin = make_service_plugin<ported::PortedSession, HeedingContext>();
  const auto context = plugin.make_context("/tmp", {.max_benchmark_cache_bytes = 7});
  EXPECT_EQ(context->workingDirectory(), "/tmp");
  EXPECT_EQ(static_cast<HeedingContext&>(*context).options.max_benchmark_cache_bytes, 7U);
}

TEST(ServicePluginTest, AContextThatDoesNotIsMadeWithoutThem) {
  const ServicePlugin plugin = make_service_plugin<ported::PortedSession>();
  const auto context = plugin.make_context("/tmp", {});
  EXPECT_NE(dynamic_cast<DefaultCompilerGymServiceContext*>(context.get()), nullptr);
}

}  // namespace
}  // namespace compiler_gym::testing

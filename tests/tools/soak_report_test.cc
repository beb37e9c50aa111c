// What a soak makes of what it saw.
#include "tools/soak/soak_report.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <thread>

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using ::testing::HasSubstr;

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

SoakReport quiet_report() {
  SoakReport report;
  report.before = {.rss_bytes = 100 * kMegabyte,
                   .file_descriptors = 40,
                   .threads = 12,
                   .processes = 3,
                   .files = 2,
                   .file_bytes = 10};
  report.after = report.before;
  report.samples.push_back({std::chrono::seconds(1), report.before});
  report.samples.back().usage.processes = 70;
  return report;
}

TEST(SoakReportTest, PassesWhenAllIsAsBefore) {
  const SoakReport report = quiet_report();
  EXPECT_TRUE(passed(report));
  EXPECT_THAT(to_text(report), HasSubstr("Nothing has grown."));
  EXPECT_EQ(soak_metrics(report)[3].most, 70) << "processes";
}

TEST(SoakReportTest, AllowsMemoryAQuarterMoreAndTheAllocatorsShare) {
  SoakReport report = quiet_report();
  report.after.rss_bytes = 157 * kMegabyte;  // 100 * 1.25 + 32
  EXPECT_TRUE(passed(report));
  report.after.rss_bytes += 1;
  EXPECT_FALSE(passed(report));
}

struct Growth {
  const char* name;
  void (*grow)(SoakReport&);
};

class SoakGrowthTest : public ::testing::TestWithParam<Growth> {};

TEST_P(SoakGrowthTest, DoesNotPass) {
  SoakReport report = quiet_report();
  GetParam().grow(report);
  EXPECT_FALSE(passed(report));
  EXPECT_THAT(to_text(report), HasSubstr("NOT AS IT SHOULD BE."));
}

INSTANTIATE_TEST_SUITE_P(
    , SoakGrowthTest,
    ::testing::Values(
        Growth{"OneFileDescriptor", [](SoakReport& report) { ++report.after.file_descriptors; }},
        Growth{"MoreThreadsThanThoseOfGrpc",
               [](SoakReport& report) {
                 const auto processors = static_cast<int>(std::thread::hardware_concurrency());
                 report.after.threads += 2 * (2 * processors - 1) + 1;
               }},
        Growth{"OneProcess", [](SoakReport& report) { ++report.after.processes; }},
        Growth{"OneFile", [](SoakReport& report) { ++report.after.files; }},
        Growth{"OneByteInAFile", [](SoakReport& report) { ++report.after.file_bytes; }},
        Growth{"ExitStatus", [](SoakReport& report) { report.returncode = 6; }},
        Growth{"ServiceGone",
               [](SoakReport& report) {
                 report.load[Rpc::kStep].record(
                     {}, grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"));
               }}),
    [](const auto& row) { return std::string(row.param.name); });

// ------------------------------------------------------------------------------ what it looks at

TEST(ResourceUsageTest, SeesThisProcessAndWhatItStarted) {
  const fs::path directory = fs::temp_directory_path() / fs::unique_path("cg-soak-%%%%-%%%%");
  fs::create_directories(directory / "logs");
  fs::create_directories(directory / "disk");
  fs::ofstream(directory / "logs" / "service.log") << "not counted";
  fs::ofstream(directory / "disk" / "module.bc") << "12345";
  // A child that is there until its standard input ends.
  FILE* const child = popen("cat > /dev/null", "w");
  ASSERT_NE(child, nullptr);

  const ResourceUsage with_child = read_resource_usage(getpid(), directory);
  pclose(child);
  const ResourceUsage alone = read_resource_usage(getpid(), directory);

  EXPECT_GE(with_child.processes, 2);
  EXPECT_EQ(alone.processes, 1);
  EXPECT_GT(with_child.file_descriptors, alone.file_descriptors);
  EXPECT_GT(alone.rss_bytes, kMegabyte);
  EXPECT_GE(alone.threads, 1);
  EXPECT_EQ(alone.files, 2) << "disk and disk/module.bc, but nothing of logs";
  EXPECT_EQ(alone.file_bytes, 5U);
  fs::remove_all(directory);
}

}  // namespace
}  // namespace compiler_gym

#include "sessions/llvm/run/sanitizer.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace compiler_gym {
namespace {

TEST(SanitizerTest, IsFoundByItsName) {
  for (const Sanitizer each : {Sanitizer::kAddress, Sanitizer::kMemory, Sanitizer::kThread}) {
    EXPECT_EQ(find_sanitizer(facts_of(each).name), each);
  }
  for (const char* name : {"", "none", "Address", "undefined", "address,thread"}) {
    EXPECT_EQ(find_sanitizer(name), std::nullopt) << name;
  }
}

TEST(SanitizerTest, HaveTheirNamesInErrors) {
  EXPECT_EQ(sanitizer_names(), "address, memory or thread");
}

TEST(SanitizerTest, ItsReportIsSummedUp) {
  const std::string report =
      "==7==ERROR: AddressSanitizer: SEGV on unknown address\n"
      "SUMMARY: AddressSanitizer: SEGV sort.c:3 in main\n==7==ABORTING\n";
  EXPECT_EQ(summary_of_report(report, Sanitizer::kAddress), "SEGV sort.c:3 in main");
  EXPECT_EQ(summary_of_report("SUMMARY: AddressSanitizer: cut off", Sanitizer::kAddress),
            "cut off");
  EXPECT_EQ(summary_of_report(report, Sanitizer::kThread), std::nullopt);
  EXPECT_EQ(summary_of_report("AddressSanitizer is nice\n", Sanitizer::kAddress), std::nullopt);
  EXPECT_EQ(summary_of_report("", Sanitizer::kAddress), std::nullopt);
  EXPECT_EQ(failure_of_sanitizer(report, Sanitizer::kAddress), std::nullopt);
}

TEST(SanitizerTest, ItsOwnFailureIsNoReport) {
  const std::string failure = "==7==ERROR: AddressSanitizer failed to allocate 0x10 bytes\nmore\n";
  EXPECT_EQ(failure_of_sanitizer(failure, Sanitizer::kAddress),
            "ERROR: AddressSanitizer failed to allocate 0x10 bytes");
  EXPECT_EQ(failure_of_sanitizer("FATAL: ThreadSanitizer: no", Sanitizer::kThread),
            "FATAL: ThreadSanitizer: no");
  EXPECT_EQ(failure_of_sanitizer(failure, Sanitizer::kThread), std::nullopt);
  EXPECT_EQ(failure_of_sanitizer("ERROR: file not found\n", Sanitizer::kAddress), std::nullopt);
}

}  // namespace
}  // namespace compiler_gym

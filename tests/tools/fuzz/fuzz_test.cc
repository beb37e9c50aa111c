// That the fuzzer finds what it is there to find, and can show it again.
#include <gmock/gmock.h>

#include <boost/filesystem/operations.hpp>
#include <cstdlib>
#include <fstream>
#include <set>

#include "client/client_loop.h"
#include "tools/fuzz/bitcode_mutator.h"
#include "tools/fuzz/fuzz_campaign.h"
#include "tools/fuzz/sequence_generator.h"

namespace compiler_gym::fuzz {
namespace {

namespace fs = boost::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;

constexpr ProgramCounts kPrograms{.good = 3, .foreign = 2};

ServiceFacts two_spaces() {
  ServiceFacts facts;
  facts.action_counts = {124, 3};
  facts.observation_count = 26;
  facts.observations = {0, 1, 9};
  facts.fingerprint = 1;
  return facts;
}

// -------------------------------------------------------------------------- sequences as text

TEST(FuzzOperationTest, IsReadAsItWasWritten) {
  const ServiceFacts facts = two_spaces();
  std::set<Operation::Kind> kinds;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (const Operation& operation : SequenceGenerator(facts, kPrograms, seed).generate()) {
      kinds.insert(operation.kind);
      const std::string line = to_string(operation);
      const Result<Operation> read = parse_operation(line);
      ASSERT_TRUE(read) << line << ": " << read.error().error_message();
      EXPECT_EQ(*read, operation) << line;
    }
  }
  EXPECT_THAT(kinds, SizeIs(6)) << "the generator leaves some out";
}

TEST(FuzzOperationTest, NamesThePartThatIsWrong) {
  const auto error = [](std::string_view line) {
    return parse_operation(line).error().error_message();
  };
  EXPECT_THAT(error("0"), HasSubstr("lacks a lane and a kind"));
  EXPECT_THAT(error("x step"), HasSubstr("'x' is not the number of a lane"));
  EXPECT_THAT(error("0 stop slot=1"), HasSubstr("'stop' is not one of"));
  EXPECT_THAT(error("0 step slot=one"), HasSubstr("'slot=one' is not a field"));
  EXPECT_THAT(error("0 step actions=1,x"), HasSubstr("'actions=1,x' is not a field"));
}

TEST(FuzzSequenceTest, PassesOverCommentsAndEmptyLines) {
  const Result<Sequence> sequence = parse_sequence("# why\n\n0 end slot=2\n1 fork slot=1 from=0\n");
  ASSERT_TRUE(sequence);
  ASSERT_THAT(*sequence, SizeIs(2));
  EXPECT_EQ(sequence->at(1).kind, Operation::Kind::kFork);
}

TEST(SequenceGeneratorTest, EqualSeedsMakeEqualSequences) {
  const ServiceFacts facts = two_spaces();
  EXPECT_EQ(SequenceGenerator(facts, kPrograms, 7).generate(),
            SequenceGenerator(facts, kPrograms, 7).generate());
  EXPECT_NE(SequenceGenerator(facts, kPrograms, 7).generate(),
            SequenceGenerator(facts, kPrograms, 8).generate());
}

TEST(BitcodeMutatorTest, DamagesDifferentlyBySeedAndEquallyByTheSame) {
  const std::string bytes(1000, 'b');
  std::set<std::string> damaged;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    damaged.insert(mutate_bitcode(bytes, seed));
    EXPECT_EQ(mutate_bitcode(bytes, seed), mutate_bitcode(bytes, seed));
  }
  EXPECT_GT(damaged.size(), 90U);
  EXPECT_EQ(mutate_bitcode("", 1), "");
}

// ------------------------------------------------------------------------------------ campaigns

class FuzzCampaignTest : public ::testing::Test {
 protected:
  FuzzCampaignTest()
      : directory_(fs::temp_directory_path() / fs::unique_path("cg-fuzz-%%%%-%%%%-%%%%")) {
    fs::create_directories(directory_);
    std::ofstream((directory_ / "program").string()) << "Ir data";
    options_.service = fs::path(COMPILER_GYM_BIN_DIR) / "fuzz_test_buggy_service";
    options_.programs = {directory_ / "program"};
    options_.sequences = 12;
    options_.reproducers = directory_ / "reproducers";
  }
  ~FuzzCampaignTest() override {
    unsetenv("COMPILER_GYM_TEST_BUG");
    fs::remove_all(directory_);
  }

  // The service inherits it.
  static void plant(const char* bug) { setenv("COMPILER_GYM_TEST_BUG", bug, /*overwrite=*/1); }

  FuzzReport fuzz() {
    ClientLoop loop;
    const Result<FuzzReport> report =
        loop.run(async_fuzz(loop.pump(), options_, [](const FuzzReport&) {}));
    EXPECT_TRUE(report) << report.error().error_message();
    return report ? *report : FuzzReport();
  }

  const fs::path directory_;
  FuzzOptions options_;
};

TEST_F(FuzzCampaignTest, FindsNothingWhereThereIsNothing) {
  const FuzzReport report = fuzz();
  EXPECT_THAT(report.violations, IsEmpty());
  EXPECT_EQ(report.sequences, 12U);
  EXPECT_GT(report.outcomes.replays, 0U);
  EXPECT_THAT(report.outcomes.by_code, Contains(Key("OK")));
  EXPECT_THAT(report.outcomes.by_code, Contains(Key("INVALID_ARGUMENT")));
  EXPECT_THAT(report.outcomes.by_code, Contains(Key("NOT_FOUND")));
  EXPECT_FALSE(fs::exists(options_.reproducers));
}

// Else it would be a test of how requests are refused.
TEST_F(FuzzCampaignTest, MostRequestsDoSomethingInASessionThatIsThere) {
  options_.sequences = 60;
  const FuzzReport report = fuzz();
  EXPECT_THAT(report.violations, IsEmpty());
  EXPECT_GT(report.outcomes.requests, 500U);
  EXPECT_GE(served_share(report.outcomes), 0.5);
  EXPECT_THAT(report.outcomes.by_code, Contains(Key("RESOURCE_EXHAUSTED"))) << "none was too large";
}

struct Bug {
  const char* name;
  const char* symptom;
};

class PlantedBugTest : public FuzzCampaignTest, public ::testing::WithParamInterface<Bug> {};

TEST_P(PlantedBugTest, IsFoundAndShownAgainByTheReproducer) {
  plant(GetParam().name);
  const FuzzReport found = fuzz();
  ASSERT_THAT(found.violations, Contains(HasSubstr(GetParam().symptom)));
  ASSERT_FALSE(found.reproducers.empty());

  options_.replay = found.reproducers.front();
  EXPECT_THAT(fuzz().violations, ElementsAre(HasSubstr(GetParam().symptom)));

  // And with the bug mended the reproducer is quiet.
  unsetenv("COMPILER_GYM_TEST_BUG");
  EXPECT_THAT(fuzz().violations, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, PlantedBugTest,
                         ::testing::Values(Bug{"crash", "killed by signal 6"},
                                           Bug{"throw", "Unhandled exception: the bug"},
                                           Bug{"drift", "its replay"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace compiler_gym::fuzz

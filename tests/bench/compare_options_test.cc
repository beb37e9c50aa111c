#include "bench/compare/compare_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <set>
#include <string>
#include <vector>

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Result<CompareCommand> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "compiler_gym-compare");
  return parse_compare_command(static_cast<int>(arguments.size()), arguments.data(), "/a/bin");
}

std::vector<std::string> names(const std::vector<CompareRow>& rows) {
  std::vector<std::string> texts;
  for (const CompareRow& row : rows) {
    texts.push_back(row.name());
  }
  return texts;
}

TEST(CompareOptionsTest, ReadsEveryFlag) {
  const auto command = parse({"--only=^step/unix/", "--rounds", "3", "--seconds=0.25",
                              "--baseline=bare", "--results=/a/results"});
  ASSERT_TRUE(command) << to_string(command.error());
  EXPECT_THAT(names(command->compare.rows),
              ElementsAre("step/unix/1", "step/unix/8", "step/unix/64", "step/unix/512"));
  EXPECT_EQ(command->compare.rounds, 3);
  EXPECT_EQ(command->compare.duration, 250ms);
  EXPECT_EQ(command->compare.baseline, "bare");
  EXPECT_EQ(command->compare.binaries, "/a/bin");
  EXPECT_EQ(command->results, "/a/results");
}

TEST(CompareOptionsTest, HasDefaultsForAFirstLook) {
  const auto command = parse({"--only=version"});
  ASSERT_TRUE(command) << to_string(command.error());
  EXPECT_EQ(command->compare.rounds, 7);
  EXPECT_EQ(command->compare.duration, 1s);
  EXPECT_EQ(command->compare.baseline, "sync");
  EXPECT_EQ(command->results, "");
}

TEST(CompareOptionsTest, TakesTheProgramsOfRowsWithLlvmOnly) {
  const auto without = parse({"--only=version", "--program=a.bc"});
  ASSERT_TRUE(without) << to_string(without.error());
  EXPECT_TRUE(without->compare.programs.empty());
  const std::vector<CompareRow> rows = all_rows();
  if (rows.back().compiler() == "llvm") {
    const auto with = parse({"--only=llvm-step/tcp", "--program=a.bc"});
    ASSERT_TRUE(with) << to_string(with.error());
    EXPECT_THAT(with->compare.programs, ElementsAre("a.bc"));
  }
}

/// A directory that has what the flag --peer looks for, empty.
class PeerDirectory {
 public:
  PeerDirectory() : path_(fs::temp_directory_path() / fs::unique_path()) {
    for (const char* file : {"service/compiler_gym-llvm-service", "site/llvm-v0",
                             "programs/small.bc", "programs/medium.bc"}) {
      fs::create_directories((path_ / file).parent_path());
      fs::ofstream(path_ / file).put('\n');
    }
  }
  PeerDirectory(const PeerDirectory&) = delete;
  PeerDirectory& operator=(const PeerDirectory&) = delete;
  ~PeerDirectory() { fs::remove_all(path_); }

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
};

TEST(ComparePeerTest, ThePeerHasRowsOfItsOwnAndIsTheirBaseline) {
  if (peer_rows().empty()) {
    GTEST_SKIP() << "this build has no LLVM";
  }
  const PeerDirectory directory;
  const std::string flag = "--peer=" + directory.path().string();
  const auto command = parse({flag.c_str(), "--only=small"});
  ASSERT_TRUE(command) << to_string(command.error());
  const CompareOptions& compare = command->compare;
  EXPECT_THAT(names(compare.rows), ElementsAre("peer-step-small/tcp/1", "peer-step-small/tcp/8",
                                               "peer-step-small/tcp/64"));
  EXPECT_THAT(compare.rows.front().servers(), ElementsAre("peer", "ours", "ours-inline"));
  EXPECT_EQ(compare.baseline, "peer");
  EXPECT_EQ(compare.peer->service, directory.path() / "service/compiler_gym-llvm-service");
  EXPECT_EQ(command->results_name, "peer");

  EXPECT_EQ(parse({flag.c_str()})->compare.rows.size(), peer_rows().size()) << "by default, all";
  EXPECT_THAT(parse({flag.c_str(), "--list"})->print, HasSubstr("* peer-fork/tcp/8\n"));
  EXPECT_THAT(names(all_rows()), Not(Contains(HasSubstr("peer"))));
}

TEST(ComparePeerTest, SaysWhatIsNotInstalled) {
  if (peer_rows().empty()) {
    GTEST_SKIP() << "this build has no LLVM";
  }
  const PeerDirectory directory;
  fs::remove(directory.path() / "programs/medium.bc");
  const std::string flag = "--peer=" + directory.path().string();
  const auto command = parse({flag.c_str()});
  ASSERT_FALSE(command);
  EXPECT_EQ(to_string(command.error()), "NOT_FOUND: there is no '" + directory.path().string() +
                                            "/programs/medium.bc'; `./dev bench peer` installs it");
}

LoadOptions load_of(Work work, int in_flight) {
  const PeerFiles peer{.service = "service",
                       .tools = "site",
                       .small_program = "small.bc",
                       .medium_program = "medium.bc"};
  const CompareRow row{.work = work, .transport = Transport::kTcp, .in_flight = in_flight};
  LoadOptions load;
  load.sessions = in_flight;
  set_peer_load(row, peer, 2s, load);
  return load;
}

TEST(ComparePeerTest, StepsAreAsManyOnEveryServerAndTheRestLastsAsLong) {
  EXPECT_EQ(load_of(Work::kPeerStepSmall, 1).operations, 6'000);
  EXPECT_EQ(load_of(Work::kPeerStepSmall, 64).operations, 12'000);
  EXPECT_EQ(load_of(Work::kPeerStepMedium, 8).operations, 900);
  for (const Work work : {Work::kPeerObserve, Work::kPeerStartWarm, Work::kPeerStartCold,
                          Work::kPeerFork, Work::kPeerVersion}) {
    EXPECT_FALSE(load_of(work, 8).operations) << to_string(work);
  }
}

TEST(ComparePeerTest, RowsAreWhatTheirNamesSay) {
  const LoadOptions small = load_of(Work::kPeerStepSmall, 8);
  EXPECT_THAT(small.benchmark_files, ElementsAre("small.bc"));
  EXPECT_THAT(small.observation_spaces, ElementsAre("IrInstructionCount"));
  EXPECT_EQ(small.episode, 45);
  EXPECT_EQ(small.sessions, 8);
  EXPECT_THAT(small.avoided_actions, IsEmpty());

  const LoadOptions open = load_of(Work::kPeerStepOpen, 64);
  EXPECT_THAT(open.benchmark_files, ElementsAre("medium.bc"));
  EXPECT_THAT(open.observation_spaces, ElementsAre("Autophase"));
  EXPECT_THAT(open.avoided_actions, ElementsAre("-attributor"));
  EXPECT_EQ(open.episode, 45);
  EXPECT_EQ(open.sessions, 2'000);

  const LoadOptions observe = load_of(Work::kPeerObserve, 64);
  EXPECT_EQ(observe.actions_per_step, 0);
  EXPECT_EQ(observe.episode, 0) << "no answer is unknown again";
  EXPECT_TRUE(load_of(Work::kPeerStartCold, 8).cold);
  EXPECT_FALSE(load_of(Work::kPeerStartWarm, 8).cold);
  EXPECT_EQ(load_of(Work::kPeerFork, 8).warm_steps, 20);
}

struct BadLine {
  const char* name;
  std::vector<const char*> arguments;
  const char* complaint;
};

class CompareOptionsErrorTest : public ::testing::TestWithParam<BadLine> {};

TEST_P(CompareOptionsErrorTest, NamesWhatIsWrong) {
  const auto command = parse(GetParam().arguments);
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(command.error().error_message(), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, CompareOptionsErrorTest,
    ::testing::Values(
        BadLine{"NoRow", {"--only=nothing/like/it"}, "found in no row"},
        BadLine{"NoRegex", {"--only=("}, "not a regular expression"},
        BadLine{"OnlyOfAll", {"--only=step", "--all"}, "exclude each other"},
        BadLine{"NoRounds", {"--rounds=0", "--only=step"}, "flag 'rounds'"},
        BadLine{"NoTime", {"--seconds=0", "--only=step"}, "flag 'seconds'"},
        BadLine{"UnknownBaseline", {"--baseline=theirs", "--only=step"}, "a server 'theirs'"},
        BadLine{
            "BaselineOfOtherRows", {"--baseline=ours-inline", "--only=^step"}, "flag 'baseline'"},
        BadLine{"ProgramForThePeer", {"--peer=a", "--program=b.bc"}, "flag 'program'"},
        BadLine{"BaselineWithoutPeer", {"--baseline=peer", "--only=^step"}, "a server 'peer'"},
        BadLine{"UnknownFlag", {"--sessions=3"}, "unknown flag 'sessions'"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CompareRowTest, NamesAreUniqueAndCoverTheTable) {
  const std::vector<std::string> all = names(all_rows());
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  for (const char* work : {"version", "step", "start", "fork"}) {
    for (const char* transport : {"tcp", "unix", "in-process"}) {
      for (const char* in_flight : {"1", "8", "64", "512"}) {
        EXPECT_THAT(all, Contains(std::string(work) + '/' + transport + '/' + in_flight));
      }
    }
  }
}

TEST(CompareRowTest, EveryRowIsMeasuredOnTheSynchronousServerAndOnOurs) {
  for (const CompareRow& row : all_rows()) {
    EXPECT_THAT(row.servers(), Contains("sync")) << row.name();
    EXPECT_THAT(row.servers(), Contains(HasSubstr("ours"))) << row.name();
  }
}

TEST(CompareRowTest, SelectsTheDefaultSetOrAll) {
  const auto some = select_rows(all_rows(), false, "");
  const auto all = select_rows(all_rows(), true, "");
  ASSERT_TRUE(some && all);
  EXPECT_GT(some->size(), 5U);
  EXPECT_LT(some->size(), all->size() / 2);
  EXPECT_EQ(all->size(), all_rows().size());
}

}  // namespace
}  // namespace compiler_gym

#include "tools/load/load_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<LoadCommand> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "compiler_gym-load");
  return parse_load_command(static_cast<int>(arguments.size()), arguments.data());
}

TEST(LoadOptionsTest, NeedsNothingButATarget) {
  const auto command = parse({"--target", "localhost:4242"});
  ASSERT_TRUE(command) << to_string(command.error());
  EXPECT_EQ(command->load.target, "localhost:4242");
  EXPECT_EQ(command->load.sessions, 64);
  EXPECT_EQ(command->load.effective_in_flight(), 64);
  EXPECT_EQ(command->load.duration, 10s);
  EXPECT_FALSE(command->load.rate);
  EXPECT_EQ(command->load.mix.to_string(), "step=1");
}

TEST(LoadOptionsTest, ReadsEveryFlagInBothForms) {
  const auto command = parse({"--serve=./service",
                              "--serve_argument=--workers=2",
                              "--serve_argument",
                              "--v=1",
                              "--sessions=10",
                              "--in_flight",
                              "4",
                              "--token_file",
                              COMPILER_GYM_TEST_DATA "/wire_table.md",
                              "--connections=2",
                              "--stream",
                              "--rate=12.5",
                              "--mix=step=9,fork=1",
                              "--seconds=0.5",
                              "--warmup_seconds=0",
                              "--timeout_seconds=2",
                              "--seed=7",
                              "--benchmark=a.bc",
                              "--benchmark=b.bc",
                              "--actions_per_step=3",
                              "--avoid_action=-attributor",
                              "--avoid_action=-licm",
                              "--episode=45",
                              "--warm_steps=20",
                              "--cold",
                              "--action_space=PassesAll",
                              "--observation=Ir",
                              "--observation=IrSha1",
                              "--json=-"});
  ASSERT_TRUE(command) << to_string(command.error());
  EXPECT_EQ(command->serve, "./service");
  EXPECT_THAT(command->serve_arguments, ElementsAre("--workers=2", "--v=1"));
  const LoadOptions& load = command->load;
  EXPECT_GT(load.credentials.token.size(), 100U) << "what is in the file";
  EXPECT_EQ(load.sessions, 10);
  EXPECT_EQ(load.effective_in_flight(), 4);
  EXPECT_EQ(load.connections, 2);
  EXPECT_TRUE(load.stream);
  EXPECT_EQ(load.rate, 12.5);
  EXPECT_EQ(load.mix.weight(Operation::kStep), 9);
  EXPECT_EQ(load.mix.weight(Operation::kFork), 1);
  EXPECT_EQ(load.duration, 500ms);
  EXPECT_EQ(load.warmup, 0ns);
  EXPECT_EQ(load.timeout, 2s);
  EXPECT_EQ(load.seed, 7);
  EXPECT_THAT(load.benchmark_files, ElementsAre("a.bc", "b.bc"));
  EXPECT_EQ(load.actions_per_step, 3);
  EXPECT_THAT(load.avoided_actions, ElementsAre("-attributor", "-licm"));
  EXPECT_EQ(load.episode, 45);
  EXPECT_EQ(load.warm_steps, 20);
  EXPECT_TRUE(load.cold);
  EXPECT_EQ(load.action_space, "PassesAll");
  EXPECT_THAT(load.observation_spaces, ElementsAre("Ir", "IrSha1"));
  EXPECT_EQ(command->json, "-");
}

TEST(LoadOptionsTest, ValidationMakesBenchmarksRunnable) {
  const auto plain = parse({"--target=a:1", "--benchmark=a.bc"});
  EXPECT_FALSE(plain->validate);
  EXPECT_FALSE(plain->load.dynamic_config.has_build_cmd());

  const auto usual = parse({"--target=a:1", "--benchmark=a.bc", "--validate"});
  ASSERT_TRUE(usual) << to_string(usual.error());
  EXPECT_TRUE(usual->validate);
  EXPECT_THAT(usual->load.dynamic_config.build_cmd().argument(),
              ElementsAre("$CC $IN -o program -lm"));
  EXPECT_THAT(usual->load.dynamic_config.build_cmd().outfile(), ElementsAre("program"));
  EXPECT_THAT(usual->load.dynamic_config.run_cmd().argument(), ElementsAre("./program"));

  const auto other =
      parse({"--target=a:1", "--benchmark=a.bc", "--validate", "--run_command=./program 7",
             "--build_command=$CC $IN -o program -lstdc++", "--run_timeout_seconds=5"});
  ASSERT_TRUE(other) << to_string(other.error());
  EXPECT_THAT(other->load.dynamic_config.build_cmd().argument(),
              ElementsAre("$CC $IN -o program -lstdc++"));
  EXPECT_THAT(other->load.dynamic_config.run_cmd().argument(), ElementsAre("./program 7"));
  EXPECT_EQ(other->load.dynamic_config.run_cmd().timeout_seconds(), 5);
}

TEST(LoadOptionsTest, ANumberOfOperationsReplacesTheDurationUnlessBothAreGiven) {
  EXPECT_EQ(parse({"--target=a:1", "--operations=5"})->load.duration, std::nullopt);
  EXPECT_EQ(parse({"--target=a:1", "--operations=5", "--seconds=2"})->load.duration, 2s);
}

TEST(LoadOptionsTest, MoreInFlightThanSessionsIsFineWhereNoSessionIsUsed) {
  EXPECT_TRUE(parse({"--target=a:1", "--sessions=1", "--in_flight=64", "--mix=version=1"}));
}

TEST(LoadOptionsTest, HelpNeedsNothingElseAndNamesTheFlags) {
  const auto command = parse({"--help"});
  ASSERT_TRUE(command) << to_string(command.error());
  for (const char* flag : {"--target", "--serve", "--rate", "--mix", "--json", "--observation"}) {
    EXPECT_THAT(command->help, HasSubstr(flag));
  }
}

struct BadCommandLine {
  const char* name;
  std::vector<const char*> arguments;
  const char* message;
};

class BadCommandLineTest : public ::testing::TestWithParam<BadCommandLine> {};

TEST_P(BadCommandLineTest, NamesTheFlagAndWhatIsAllowed) {
  const auto command = parse(GetParam().arguments);
  ASSERT_FALSE(command);
  EXPECT_EQ(to_string(command.error()), std::string("INVALID_ARGUMENT: ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    , BadCommandLineTest,
    ::testing::Values(
        BadCommandLine{
            "NoServer", {}, "one of the flags 'target' and 'serve' is needed, and not both"},
        BadCommandLine{"TwoServers",
                       {"--target=a:1", "--serve=b"},
                       "one of the flags 'target' and 'serve' is needed, and not both"},
        BadCommandLine{"UnknownFlag",
                       {"--target=a:1", "--sesions=3"},
                       "unknown flag 'sesions'; --help lists them"},
        BadCommandLine{
            "StrayArgument", {"--target=a:1", "foobar"}, "'foobar' is no flag; --help lists them"},
        BadCommandLine{"MissingValue",
                       {"--target=a:1", "--sessions"},
                       "flag 'sessions': its value is missing, or it takes none"},
        BadCommandLine{"TooFew",
                       {"--target=a:1", "--sessions=0"},
                       "flag 'sessions': '0' is not a number from 1 to 1000000"},
        BadCommandLine{"NotANumber",
                       {"--target=a:1", "--sessions=12x"},
                       "flag 'sessions': '12x' is not a number from 1 to 1000000"},
        BadCommandLine{"NaN",
                       {"--target=a:1", "--rate=nan"},
                       "flag 'rate': 'nan' is not a number from 0.001 to 1000000"},
        BadCommandLine{"NegativeTime",
                       {"--target=a:1", "--warmup_seconds=-1"},
                       "flag 'warmup_seconds': '-1' is not a number from 0 to 86400"},
        BadCommandLine{
            "MoreInFlightThanSessions",
            {"--target=a:1", "--sessions=2", "--in_flight=3"},
            "flag 'in_flight': '3' is more than there are sessions (2), and a session has "
            "one operation at a time"},
        BadCommandLine{"UnknownOperation",
                       {"--target=a:1", "--mix=step=1,jump=2"},
                       "flag 'mix': 'jump=2' names none of step, start, fork, end, version"},
        BadCommandLine{"OperationWithoutWeight",
                       {"--target=a:1", "--mix=step"},
                       "flag 'mix': 'step' has no weight from 0 to 1000000"},
        BadCommandLine{"NoWeightAtAll",
                       {"--target=a:1", "--mix=step=0"},
                       "flag 'mix': no operation has a weight above 0"},
        BadCommandLine{"PidOfAServiceToBeStarted",
                       {"--serve=b", "--pid=3"},
                       "flag 'pid' is for --target; the process of --serve is known"},
        BadCommandLine{"ArgumentsForNothing",
                       {"--target=a:1", "--serve_argument=x"},
                       "flag 'serve_argument' is for --serve"},
        BadCommandLine{"EmptyEpisode",
                       {"--target=a:1", "--episode=0"},
                       "flag 'episode': '0' is not a number from 1 to 1000000"},
        BadCommandLine{"ColdBenchmarkOfTheService",
                       {"--target=a:1", "--cold", "--benchmark_uri=benchmark://a/b"},
                       "flag 'cold' sends programs, and those of flag 'benchmark_uri' are the "
                       "service's own"},
        BadCommandLine{"NothingToValidate",
                       {"--target=a:1", "--validate", "--benchmark_uri=a"},
                       "flag 'validate' needs a program to compare with: flag 'benchmark'"},
        BadCommandLine{"CommandForNothing",
                       {"--target=a:1", "--benchmark=a.bc", "--run_command=./program"},
                       "flag 'run_command' is for --validate"},
        BadCommandLine{"EmptyFileName",
                       {"--target=a:1", "--json="},
                       "flag 'json': its value is missing, or it takes none"}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(OperationMixTest, DrawsByWeight) {
  const auto mix = OperationMix::parse("step=90,fork=10");
  ASSERT_TRUE(mix) << to_string(mix.error());
  std::mt19937_64 random(1);
  std::map<Operation, int> drawn;
  for (int i = 0; i < 10'000; ++i) {
    ++drawn[mix->draw(random)];
  }
  EXPECT_EQ(drawn.size(), 2);
  EXPECT_NEAR(drawn[Operation::kStep], 9000, 150);
}

TEST(OperationMixTest, KnowsWhetherItUsesSessions) {
  EXPECT_FALSE(OperationMix::parse("version=3")->uses_sessions());
  EXPECT_TRUE(OperationMix::parse("version=3,end=1")->uses_sessions());
}

}  // namespace
}  // namespace compiler_gym

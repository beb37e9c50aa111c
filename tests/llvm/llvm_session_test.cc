#include "sessions/llvm/llvm_session.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SHA1.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/observation_spaces.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class LlvmSessionTest : public LlvmFixture {
 protected:
  static Opaque opaque(const Event& event) {
    Opaque message;
    EXPECT_TRUE(event.any_value().UnpackTo(&message));
    return message;
  }
};

TEST_F(LlvmSessionTest, TellsItsVersion) {
  EXPECT_THAT(LlvmSession(context_).getCompilerVersion(), StartsWith("19.1."));
}

TEST_F(LlvmSessionTest, ActionSpacesAreCommandLines) {
  const std::vector<ActionSpace> spaces = LlvmSession(context_).getActionSpaces();
  ASSERT_FALSE(spaces.empty());
  EXPECT_EQ(spaces[0].name(), "PassesAll");
  CommandlineSpace flags;
  ASSERT_TRUE(spaces[0].space().any_value().UnpackTo(&flags));
  EXPECT_EQ(flags.name_size(), 124);
  EXPECT_EQ(flags.name(103), "-mem2reg");
}

// Whatever a client asks for has the type that the space announces.
TEST_F(LlvmSessionTest, ObservationsAreOfTheTypesOfTheirSpaces) {
  auto benchmark = std::make_shared<Benchmark>(
      *make_benchmark("benchmark://user-v0/sorting", start_bitcode("sorting")));
  BenchmarkDynamicConfig& config = *benchmark->mutable_dynamic_config();
  config.mutable_build_cmd()->add_argument("$CC $IN -o program -lm");
  config.mutable_build_cmd()->add_outfile("program");
  config.mutable_run_cmd()->add_argument("./program");
  const auto session = start(benchmark);
  const std::map<Space::ValueCase, Event::ValueCase> types{
      {Space::kStringValue, Event::kStringValue},   {Space::kByteSequence, Event::kByteTensor},
      {Space::kInt64Box, Event::kInt64Tensor},      {Space::kInt64Value, Event::kInt64Value},
      {Space::kBooleanValue, Event::kBooleanValue}, {Space::kDoubleSequence, Event::kDoubleTensor}};
  for (const ObservationSpace& space : session->getObservationSpaces()) {
    const Event event = observe(*session, space.name());
    Event::ValueCase type = types.at(space.space().value_case());
    // Announced as text, as CompilerGym does, and sent as what it is the text of.
    if (space.name() == "Programl" || space.name() == "ProgramlJson" || space.name() == "CpuInfo") {
      type = Event::kAnyValue;
    } else if (space.name() == "LexedIr") {
      type = Event::kEventDict;
    }
    EXPECT_EQ(event.value_case(), type) << space.name();
  }
  const Event lexed = observe(*session, "LexedIr");
  const auto& tokens = lexed.event_dict().event();
  EXPECT_EQ(tokens.at("token_id").value_case(), Event::kInt64Tensor);
  for (const char* name : {"token_kind", "token_category", "token_value"}) {
    EXPECT_EQ(tokens.at(name).value_case(), Event::kStringTensor) << name;
  }
}

TEST_F(LlvmSessionTest, EachActionSpaceHasItsOwnActions) {
  bool had_effect = false;
  const auto pipelines = start(crc32_benchmark(), "Pipelines");
  EXPECT_TRUE(try_apply(*pipelines, action_event(4), had_effect).ok());
  EXPECT_EQ(number(*pipelines, "IrInstructionCount"), number(*pipelines, "IrInstructionCountOz"));
  EXPECT_EQ(try_apply(*pipelines, action_event(5), had_effect).error_message(),
            "LlvmAction(5) is not in range [0, 5)");
  const auto new_pm = start(crc32_benchmark(), "NewPM");
  EXPECT_TRUE(try_apply(*fork(*new_pm), action_event(124), had_effect).ok());
}

TEST_F(LlvmSessionTest, ActionOutOfRangeIsRefusedAndTheSessionLivesOn) {
  const auto session = start(crc32_benchmark());
  for (const std::int64_t index : {std::int64_t{-1}, std::int64_t{124}, std::int64_t{1} << 40}) {
    bool had_effect = false;
    const grpc::Status status = try_apply(*session, action_event(index), had_effect);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(),
              "LlvmAction(" + std::to_string(index) + ") is not in range [0, 124)");
  }
  EXPECT_TRUE(apply(*session, "-mem2reg"));
}

TEST_F(LlvmSessionTest, ActionThatIsNoIntegerIsRefused) {
  const auto session = start(crc32_benchmark());
  bool had_effect = false;
  Event event;
  EXPECT_EQ(try_apply(*session, event, had_effect).error_message(),
            "Invalid action. Expected kInt64Value, received VALUE_NOT_SET.");
  event.set_double_value(3);
  const grpc::Status status = try_apply(*session, event, had_effect);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "Invalid action. Expected kInt64Value, received kDoubleValue.");
}

TEST_F(LlvmSessionTest, ActionTellsWhetherItHadAnEffect) {
  const auto session = start(crc32_benchmark());
  EXPECT_TRUE(apply(*session, "-mem2reg"));
  EXPECT_FALSE(apply(*session, "-mem2reg"));
  EXPECT_TRUE(apply(*session, "-gvn"));
  EXPECT_FALSE(apply(*session, "-loop-reroll"));
  EXPECT_TRUE(apply(*start(crc32_benchmark()), "-gvn")) << "clients' tests want that";
}

TEST_F(LlvmSessionTest, Mem2regChangesTheHash) {
  const auto session = start(crc32_benchmark());
  const std::string before = sha1(*session);
  apply(*session, "-mem2reg");
  EXPECT_NE(sha1(*session), before);
}

// The passes whose own answer is not to be trusted: each changes something here, once.
TEST_F(LlvmSessionTest, ChangesOfPassesThatDenyThemAreSeen) {
  const auto session = start(crc32_benchmark());
  for (const char* flag : {"-instnamer", "-ipsccp"}) {
    const std::string before = sha1(*session);
    const bool had_effect = apply(*session, flag);
    EXPECT_EQ(had_effect, sha1(*session) != before) << flag;
  }
  EXPECT_FALSE(apply(*session, "-instnamer"));
}

TEST_F(LlvmSessionTest, ObservationsOfCrc32AreAsPublished) {
  const auto session = start(crc32_benchmark());
  EXPECT_EQ(number(*session, "IrInstructionCount"), 242);
  EXPECT_EQ(number(*session, "IrInstructionCountO0"), 242);
  EXPECT_THAT(observe(*session, "Ir").string_value(),
              StartsWith("; ModuleID = '-'\nsource_filename = \"-\"\n"));
  EXPECT_THAT(observe(*session, "IrSha1").string_value(), MatchesRegex("[0-9a-f]{40}"));

  const Event inst_count = observe(*session, "InstCount");
  EXPECT_THAT(inst_count.int64_tensor().shape(), ElementsAre(kInstCountSize));
  EXPECT_EQ(inst_count.int64_tensor().value(0), 242);
  const Event autophase = observe(*session, "Autophase");
  EXPECT_THAT(autophase.int64_tensor().shape(), ElementsAre(kAutophaseSize));
  EXPECT_EQ(autophase.int64_tensor().value(51), 242);
}

TEST_F(LlvmSessionTest, BitcodeIsWhatTheHashIsOf) {
  const auto session = start(crc32_benchmark());
  EXPECT_TRUE(apply(*session, "-sroa"));
  const Event bitcode = observe(*session, "Bitcode");
  const std::string& bytes = bitcode.byte_tensor().value();
  EXPECT_THAT(bitcode.byte_tensor().shape(), ElementsAre(bytes.size()));
  EXPECT_EQ(ir_text(*parse_module(bytes)), observe(*session, "Ir").string_value());
  llvm::SHA1 hasher;
  hasher.update(llvm::StringRef(bytes));
  EXPECT_EQ(sha1(*session), llvm::toHex(hasher.final(), /*LowerCase=*/true));
}

TEST_F(LlvmSessionTest, BitcodeFileIsANewFileForTheClientToDelete) {
  const auto session = start(crc32_benchmark());
  const std::string first = observe(*session, "BitcodeFile").string_value();
  const std::string second = observe(*session, "BitcodeFile").string_value();
  EXPECT_NE(first, second);
  EXPECT_THAT(first, StartsWith(directory_.string() + "/"));
  EXPECT_EQ(read_file(first), observe(*session, "Bitcode").byte_tensor().value());
  EXPECT_EQ(unlink(first.c_str()), 0);
}

TEST_F(LlvmSessionTest, GraphsAndTokensArePresent) {
  const auto session = start(crc32_benchmark());
  EXPECT_EQ(opaque(observe(*session, "Programl")).format(), "json://networkx/MultiDiGraph");
  EXPECT_EQ(opaque(observe(*session, "ProgramlJson")).format(), "json://");
  EXPECT_EQ(opaque(observe(*session, "Programl")).data(),
            opaque(observe(*session, "ProgramlJson")).data());
  EXPECT_THAT(opaque(observe(*session, "CpuInfo")).data(), HasSubstr("\"cores_count\""));
  EXPECT_EQ(observe(*session, "LexedIr").event_dict().event_size(), 4);
}

TEST_F(LlvmSessionTest, BaselinesAreOfTheBenchmarkWhateverHappensToTheModule) {
  const auto session = start(crc32_benchmark());
  const std::int64_t o0 = number(*session, "ObjectTextSizeO0");
  const std::int64_t oz = number(*session, "ObjectTextSizeOz");
  EXPECT_EQ(number(*session, "ObjectTextSizeBytes"), o0);
  EXPECT_THAT(number(*session, "IrInstructionCountOz"),
              Lt(number(*session, "IrInstructionCountO0")));
  EXPECT_THAT(number(*session, "IrInstructionCountO3"), Gt(0));

  EXPECT_TRUE(apply(*session, "-mem2reg"));
  EXPECT_NE(number(*session, "ObjectTextSizeBytes"), o0);
  EXPECT_EQ(number(*session, "ObjectTextSizeO0"), o0);
  EXPECT_EQ(number(*session, "ObjectTextSizeOz"), oz);
}

TEST_F(LlvmSessionTest, WithoutBuildCommandTextSizeIsThatOfTheObjectCode) {
  const auto session = start(crc32_benchmark());
  for (const char* of : {"Bytes", "O0", "O3", "Oz"}) {
    EXPECT_EQ(number(*session, std::string("TextSize") + of),
              number(*session, std::string("ObjectTextSize") + of));
  }
}

TEST_F(LlvmSessionTest, WithoutBuildCommandRuntimeHasNoValue) {
  const auto session = start(crc32_benchmark());
  for (const char* name : {"Runtime", "Buildtime"}) {
    EXPECT_EQ(observe(*session, name).value_case(), Event::VALUE_NOT_SET) << name;
  }
  for (const char* name : {"IsBuildable", "IsRunnable"}) {
    const Event event = observe(*session, name);
    EXPECT_EQ(event.value_case(), Event::kBooleanValue) << name;
    EXPECT_FALSE(event.boolean_value()) << name;
  }
}

TEST_F(LlvmSessionTest, ObservationsFollowTheModule) {
  const auto session = start(crc32_benchmark());
  for (const char* name : {"Ir", "IrSha1", "InstCount", "Autophase", "IrInstructionCount",
                           "ObjectTextSizeBytes", "Programl", "LexedIr"}) {
    const Event first = observe(*session, name);
    EXPECT_TRUE(MessageDifferencer::Equals(observe(*session, name), first)) << name;
  }
  const Event before = observe(*session, "InstCount");
  EXPECT_TRUE(apply(*session, "-mem2reg"));
  EXPECT_FALSE(MessageDifferencer::Equals(observe(*session, "InstCount"), before));
}

TEST_F(LlvmSessionTest, OnlyWhatIsRememberedIsCheap) {
  const auto session = start(crc32_benchmark());
  StepRequest question;
  question.add_observation_space(static_cast<int>(LlvmObservation::kAutophase));
  EXPECT_FALSE(session->isCheap(question)) << "nobody has asked before";
  observe(*session, "Autophase");
  EXPECT_TRUE(session->isCheap(question));

  StepRequest two = question;
  two.add_observation_space(static_cast<int>(LlvmObservation::kInstCount));
  EXPECT_FALSE(session->isCheap(two));
  StepRequest action = question;
  *action.add_action() = action_event(action_index("-mem2reg"));
  EXPECT_FALSE(session->isCheap(action));
  StepRequest unknown;
  unknown.add_observation_space(1000);
  EXPECT_FALSE(session->isCheap(unknown));

  EXPECT_TRUE(apply(*session, "-mem2reg"));
  EXPECT_FALSE(session->isCheap(question)) << "of the module before";
}

// To verify takes the longer the larger the module is, and a cheap step holds everybody up.
TEST_F(LlvmSessionTest, AStepOnAModuleThatIsNotVerifiedIsNotCheap) {
  const auto session = start(crc32_benchmark());
  const StepRequest nothing;
  EXPECT_TRUE(session->isCheap(nothing));
  // As when a step is cancelled between its actions: no endOfStep().
  bool end_of_episode = false;
  bool no_effect = false;
  std::optional<ActionSpace> new_action_space;
  ASSERT_TRUE(session
                  ->applyAction(action_event(action_index("-mem2reg")), end_of_episode,
                                new_action_space, no_effect)
                  .ok());
  EXPECT_FALSE(session->isCheap(nothing));
  EXPECT_TRUE(session->endOfStep(no_effect, end_of_episode, new_action_space).ok());
  EXPECT_TRUE(session->isCheap(nothing));
}

TEST_F(LlvmSessionTest, LookingAtTheModuleDoesNotChangeWhatComes) {
  const char* const kSequence[] = {"-mem2reg", "-simplifycfg", "-gvn",    "-loop-rotate",
                                   "-licm",    "-instcombine", "-inline", "-jump-threading"};
  const auto looking = start(crc32_benchmark());
  const auto blind = start(crc32_benchmark());
  for (const char* flag : kSequence) {
    apply(*looking, flag);
    apply(*blind, flag);
    for (const ObservationSpace& space : looking->getObservationSpaces()) {
      static_cast<void>(observe(*looking, space.name()));
    }
  }
  EXPECT_EQ(sha1(*looking), sha1(*blind));
}

TEST_F(LlvmSessionTest, BaselineOptimisationsChangeTheModuleOnce) {
  for (const char* level : {"-Oz", "-O3"}) {
    const auto session = start(crc32_benchmark());
    EXPECT_EQ(parameter(*session, "llvm.apply_baseline_optimizations", level), "1");
    const std::string name = std::string("IrInstructionCount") + (level + 1);
    EXPECT_EQ(number(*session, "IrInstructionCount"), number(*session, name));
    EXPECT_EQ(sha1(*fork(*session)), sha1(*session));
  }
  const std::string bare = assemble("define void @f() norecurse nounwind { ret void }");
  const auto small = start(make_benchmark("benchmark://bare", bare));
  static_cast<void>(parameter(*small, "llvm.apply_baseline_optimizations", "-Oz"));
  EXPECT_EQ(parameter(*small, "llvm.apply_baseline_optimizations", "-Oz"), "0");

  const auto session = start(crc32_benchmark());
  std::optional<std::string> reply;
  const grpc::Status status =
      session->handleSessionParameter("llvm.apply_baseline_optimizations", "-O1", reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "llvm.apply_baseline_optimizations must be -O3 or -Oz. Received: \"-O1\"");
}

TEST_F(LlvmSessionTest, CountsAreItsOwnAndItsForks) {
  const auto session = start(crc32_benchmark());
  EXPECT_EQ(parameter(*session, "llvm.set_runtimes_per_observation_count", "7"), "7");
  EXPECT_EQ(parameter(*fork(*session), "llvm.get_runtimes_per_observation_count"), "7");
  EXPECT_EQ(parameter(*start(crc32_benchmark()), "llvm.get_runtimes_per_observation_count"), "1");
}

TEST_F(LlvmSessionTest, OtherParametersAreNotItsOwn) {
  std::optional<std::string> reply;
  EXPECT_TRUE(start(crc32_benchmark())->handleSessionParameter("unknown.key", "", reply).ok());
  EXPECT_EQ(reply, std::nullopt);
}

TEST_F(LlvmSessionTest, ForkIsIndependentOfItsParent) {
  auto parent = start(crc32_benchmark());
  apply(*parent, "-mem2reg");
  const auto child = fork(*parent);
  const std::string at_fork = sha1(*parent);
  EXPECT_EQ(sha1(*child), at_fork);
  apply(*child, "-gvn");
  EXPECT_EQ(sha1(*parent), at_fork);
  const auto grandchild = fork(*child);
  EXPECT_EQ(sha1(*grandchild), sha1(*child));
  apply(*parent, "-gvn");
  EXPECT_EQ(sha1(*parent), sha1(*grandchild));
  parent.reset();
  apply(*grandchild, "-simplifycfg");
  EXPECT_NE(sha1(*grandchild), sha1(*child));
}

TEST_F(LlvmSessionTest, TheFirstSessionOnABenchmarkIsLikeAnyOther) {
  const auto benchmark = make_benchmark("benchmark://new", start_bitcode("demo_regex"));
  const auto first = start(benchmark);
  const auto second = start(benchmark);
  for (const char* action : {"-mem2reg", "-instcombine", "-simplifycfg", "-gvn", "-licm", "-inline",
                             "-sroa", "-loop-unroll", "-jump-threading", "-globalopt"}) {
    apply(*first, action);
    apply(*second, action);
    ASSERT_EQ(sha1(*first), sha1(*second)) << action;
  }
}

TEST_F(LlvmSessionTest, ReplacedBenchmarkIsHonoured) {
  const std::string uri = "benchmark://user-v0/replaced";
  const auto first = start(make_benchmark(uri, crc32_bitcode()));
  const auto second = start(make_benchmark(uri, start_bitcode("sorting")));
  EXPECT_NE(sha1(*first), sha1(*second));
}

}  // namespace
}  // namespace compiler_gym

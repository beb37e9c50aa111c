// Session parameters that change the module, and what the tools make of the same program.
#include "sessions/llvm/module_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/actions/pipeline_text.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/tool_commands.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What makes an object of the bitcode that comes in, as the observation does.
constexpr const char* kGenerateCode =
    "clang -Oz -Xclang -disable-llvm-passes -c -x ir -o by_tools.o -";

class ModuleParametersTest : public LlvmFixture {
 protected:
  ModuleParametersTest() : LlvmFixture({.all_observations = true}) {}

  std::shared_ptr<const Benchmark> program(const std::string& name, const std::string& flags) {
    return make_benchmark("benchmark://test/" + name + flags,
                          tools_.unoptimised(COMPILER_GYM_TEST_PROGRAMS "/" + name + ".c", flags));
  }

  // With the last program as unoptimised.bc.
  std::int64_t size_by(const std::string& commands) const {
    tools_.run(commands + " | " + kGenerateCode);
    return tools_.text_size("by_tools.o");
  }

  static std::string text(LlvmSession& session) { return observe(session, "Ir").string_value(); }

  static grpc::Status refusal(LlvmSession& session, const std::string& key,
                              const std::string& value) {
    std::optional<std::string> reply;
    grpc::Status status = session.handleSessionParameter(key, value, reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << value;
    return status;
  }

  const ToolCommands tools_;
};

TEST_F(ModuleParametersTest, SizeAttributesMakeTheModuleOfAnotherLevel) {
  constexpr const char* kKey = "llvm.apply_size_attributes";
  const std::vector<std::pair<std::string, std::string>> levels{
      {"-O2", "none"}, {"-Os", "optsize"}, {"-Oz", "minsize"}};
  for (const char* name : {"sort", "calculator"}) {
    for (const auto& [wanted, attributes] : levels) {
      const std::string expected = text(*start(program(name, wanted)));
      for (const auto& [from, unused] : levels) {
        const auto session = start(program(name, from));
        EXPECT_EQ(parameter(*session, kKey, attributes), from == wanted ? "0" : "1");
        EXPECT_EQ(text(*session), expected) << name << ": " << from << " as " << wanted;
        EXPECT_EQ(parameter(*session, kKey, attributes), "0");
      }
    }
  }
}

TEST_F(ModuleParametersTest, SizeAttributesLeaveAloneWhatIsOptnone) {
  const auto session = start(make_benchmark("benchmark://test/optnone", start_bitcode("optnone")));
  static_cast<void>(parameter(*session, "llvm.apply_size_attributes", "minsize"));
  EXPECT_THAT(text(*session), HasSubstr("minsize"));
  EXPECT_THAT(text(*session), HasSubstr("optnone"));
}

TEST_F(ModuleParametersTest, ClangsPipelineGivesWhatClangGives) {
  for (const char* name : {"sort", "calculator", "compress"}) {
    for (const char* level : {"-O2", "-Os", "-Oz"}) {
      const auto session = start(program(name, level));
      EXPECT_EQ(parameter(*session, "llvm.apply_clang_pipeline", level), "1");
      EXPECT_EQ(number(*session, "ShippedTextSizeBytes"),
                number(*session, "ShippedTextSize" + std::string(level).substr(1)))
          << name << " " << level;
      EXPECT_THAT(text(*session), Not(HasSubstr("!llvm.module.flags")));
    }
  }
}

// The commands that a search reports.
TEST_F(ModuleParametersTest, CommandsGiveWhatTheSessionGives) {
  const std::string opt = "opt -relocation-model=pic unoptimised.bc -passes=";
  for (const char* name : {"sort", "calculator", "regex"}) {
    for (const std::string& pipeline : std::vector<std::string>{
             "default<Oz>", "default<Oz>,function(loop-mssa(licm),gvn),constmerge",
             "function(sroa,early-cse<memssa>),cgscc(inline),function(instcombine<no-verify-"
             "fixpoint>,simplifycfg)"}) {
      const auto session = start(program(name, "-Oz"));
      EXPECT_EQ(parameter(*session, "llvm.apply_pipeline", pipeline), "1");
      EXPECT_EQ(number(*session, "ShippedTextSizeBytes"), size_by(opt + "'" + pipeline + "'"))
          << name << " " << pipeline;
    }
    // Action after action, and after clang's own passes: those forget what they know in between.
    const auto session = start(program(name, "-Oz"));
    std::string pipeline;
    for (const char* flag : {"-mem2reg", "-instcombine", "-simplifycfg", "-gvn"}) {
      apply(*session, flag);
      const auto& action = passes_all_actions()[static_cast<std::size_t>(action_index(flag))];
      pipeline += (pipeline.empty() ? "" : ",invalidate<all>,") + std::string(action.pipeline);
    }
    EXPECT_EQ(number(*session, "ShippedTextSizeBytes"), size_by(opt + "'" + pipeline + "'"))
        << name;
    const auto from_clang = start(program(name, "-Oz"));
    static_cast<void>(parameter(*from_clang, "llvm.apply_clang_pipeline", "-Oz"));
    static_cast<void>(parameter(*from_clang, "llvm.apply_pipeline", "function(gvn,simplifycfg)"));
    EXPECT_EQ(number(*from_clang, "ShippedTextSizeBytes"),
              size_by("clang -Oz -emit-llvm -c -x ir -o - unoptimised.bc | opt "
                      "-relocation-model=pic -passes='function(gvn,simplifycfg)'"))
        << name;
  }
}

TEST_F(ModuleParametersTest, ForksHaveWhatTheirParentsHave) {
  const auto parent = start(program("sort", "-O2"));
  static_cast<void>(parameter(*parent, "llvm.apply_size_attributes", "minsize"));
  {
    std::string pipeline = "function(sroa,gvn)";
    static_cast<void>(parameter(*parent, "llvm.apply_pipeline", pipeline));
    pipeline.assign(pipeline.size(), 'x');  // the session keeps its own
  }
  apply(*parent, "-simplifycfg");
  static_cast<void>(parameter(*parent, "llvm.apply_clang_pipeline", "-Oz"));
  const auto child = fork(*parent);
  const auto grandchild = fork(*child);
  EXPECT_EQ(text(*grandchild), text(*parent));
  EXPECT_EQ(number(*grandchild, "ShippedTextSizeBytes"), number(*parent, "ShippedTextSizeBytes"));
}

TEST_F(ModuleParametersTest, WhatIsNoPipelineIsRefusedAndLeavesTheModule) {
  const auto session = start(crc32_benchmark());
  const std::string before = sha1(*session);
  constexpr const char* kKey = "llvm.apply_pipeline";
  EXPECT_THAT(refusal(*session, kKey, "no-such-pass").error_message(),
              HasSubstr("\"no-such-pass\""));
  EXPECT_THAT(refusal(*session, kKey, "function(gvn").error_message(),
              HasSubstr("Not a pass pipeline: \"function(gvn\""));
  EXPECT_THAT(refusal(*session, kKey, "").error_message(), HasSubstr("Not a pass pipeline"));
  EXPECT_THAT(refusal(*session, kKey, "default<O9>").error_message(),
              HasSubstr("Not a pass pipeline"));
  // They write files, print, read files, crash, and do something else each time.
  for (const char* pass :
       {"dot-cfg", "print<domtree>", "function(print)", "memprof-use<profile-filename=x>",
        "trigger-crash-module", "function(scalarizer)", "repeat<9>(globaldce)"}) {
    EXPECT_THAT(refusal(*session, kKey, pass).error_message(), HasSubstr("The pass \"")) << pass;
  }
  EXPECT_THAT(refusal(*session, kKey, std::string(70'000, 'x')).error_message(),
              HasSubstr("70000 bytes exceeds the limit of 65536"));
  std::string nested;
  for (int i = 0; i < 40; ++i) {
    nested += "module(";
  }
  EXPECT_THAT(refusal(*session, kKey, nested).error_message(), HasSubstr("more than 32"));
  EXPECT_EQ(sha1(*session), before);
}

TEST_F(ModuleParametersTest, EveryPipelineOfAnActionIsAllowedThatIsDeterministic) {
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    for (const LlvmAction& action : space.actions) {
      EXPECT_EQ(check_pipeline_text(action.pipeline).ok(), action.is_deterministic)
          << action.pipeline;
    }
  }
}

TEST_F(ModuleParametersTest, OtherValuesAreRefusedByName) {
  const auto session = start(crc32_benchmark());
  EXPECT_EQ(refusal(*session, "llvm.apply_size_attributes", "small").error_message(),
            "llvm.apply_size_attributes must be none, optsize or minsize. Received: \"small\"");
  EXPECT_EQ(refusal(*session, "llvm.apply_clang_pipeline", "-O3").error_message(),
            "llvm.apply_clang_pipeline must be -O2, -Os or -Oz. Received: \"-O3\"");
}

}  // namespace
}  // namespace compiler_gym

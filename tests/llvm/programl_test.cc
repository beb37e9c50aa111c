#include "sessions/llvm/observations/programl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/observations/programl_graph.h"
#include "tests/llvm/parse_json.h"
#include "tests/llvm/program_graph_text.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::StartsWith;

IrModule module_of(const std::string& assembly) {
  return parse_module(assemble(assembly));
}

TEST(ProgramlTest, OfAnEmptyModuleIsTheRoot) {
  const IrModule empty = module_of("source_filename = \"nothing\"");

  EXPECT_EQ(programl_json(*empty),
            R"({"directed":true,"graph":{"function":[],"module":[{"features":{"llvm_data_layout":)"
            R"([""],"llvm_target_triple":[""]},"name":"nothing"}]},"links":[],"multigraph":true,)"
            R"("nodes":[{"block":0,"function":0,"id":0,"text":"[external]","type":0}]})");
}

TEST(ProgramlTest, DefaultObservationHasTheMembersOfAGraph) {
  const llvm::json::Object empty = parse_json(kEmptyProgramlJson);

  EXPECT_TRUE(empty.getArray("nodes")->empty());
  EXPECT_TRUE(empty.getArray("links")->empty());
}

TEST(ProgramlTest, ConnectsEachUseThroughAVariableOfItsOwn) {
  const IrModule module = module_of(R"(
    define i32 @f(i32 %a, i32 %unused) {
      %sum = add i32 %a, 7
      %product = mul i32 %sum, %sum
      ret i32 %product
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(full_texts(graph, ProgramNodeType::kVariable),
              ElementsAre("i32 %sum", "i32 %sum", "i32 %product", "i32 %a"));
  EXPECT_THAT(edges(graph, ProgramFlow::kControl),
              ElementsAre("0: %sum = add i32 %a, 7 -> %product = mul i32 %sum, %sum",
                          "0: %product = mul i32 %sum, %sum -> ret i32 %product"));
  EXPECT_THAT(
      edges(graph, ProgramFlow::kData),
      ElementsAre("0: i32 %sum -> %product = mul i32 %sum, %sum",
                  "1: i32 %sum -> %product = mul i32 %sum, %sum",
                  "0: i32 %product -> ret i32 %product", "0: i32 %a -> %sum = add i32 %a, 7",
                  "0: %sum = add i32 %a, 7 -> i32 %sum", "0: %sum = add i32 %a, 7 -> i32 %sum",
                  "0: %product = mul i32 %sum, %sum -> i32 %product",
                  "1: i32 7 -> %sum = add i32 %a, 7"));
  EXPECT_THAT(edges(graph, ProgramFlow::kCall), ElementsAre("0: [external] -> %sum = add i32 %a, 7",
                                                            "0: ret i32 %product -> [external]"));
}

TEST(ProgramlTest, SharesAConstantBetweenFunctionsAndTellsItsEdgesApart) {
  const IrModule module = module_of(R"(
    define i32 @f() {
      %sum = add i32 7, 7
      ret i32 7
    }
    define i32 @g() {
      ret i32 7
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(full_texts(graph, ProgramNodeType::kConstant), ElementsAre("i32 7"));
  std::vector<std::array<std::uint32_t, 2>> positions_and_keys;
  for (const ProgramEdge& edge : graph.edges()) {
    if (edge.flow == ProgramFlow::kData) positions_and_keys.push_back({edge.position, edge.key});
  }
  using Pair = std::array<std::uint32_t, 2>;
  EXPECT_THAT(positions_and_keys, ElementsAre(Pair{0, 0}, Pair{1, 1}, Pair{0, 0}, Pair{0, 0}));
}

TEST(ProgramlTest, NumbersTheSuccessorsOfASwitchAndItsCaseValues) {
  const IrModule module = module_of(R"(
    define void @f(i8 %x) {
      switch i8 %x, label %other [ i8 1, label %case
                                   i8 2, label %case ]
    case:
      ret void
    other:
      unreachable
    })");

  const ProgramGraph graph(*module);

  std::vector<std::array<std::uint32_t, 2>> positions_and_keys;
  for (const ProgramEdge& edge : graph.edges()) {
    if (edge.flow == ProgramFlow::kControl) positions_and_keys.push_back({edge.position, edge.key});
  }
  using Pair = std::array<std::uint32_t, 2>;
  EXPECT_THAT(positions_and_keys, ElementsAre(Pair{0, 0}, Pair{1, 0}, Pair{2, 1}));
  EXPECT_THAT(edges(graph, ProgramFlow::kData),
              ElementsAre(StartsWith("0: i8 %x -> switch"), StartsWith("2: i8 1 -> switch"),
                          StartsWith("4: i8 2 -> switch")));
  // Both ends of the function are exits.
  EXPECT_THAT(edges(graph, ProgramFlow::kCall),
              IsSupersetOf({"0: unreachable -> [external]", "0: ret void -> [external]"}));
}

TEST(ProgramlTest, ConnectsAResultThatIsUsedBeforeItsInstruction) {
  const IrModule module = module_of(R"(
    define void @f() {
    entry:
      br label %loop
    loop:
      %i = phi i32 [ 0, %entry ], [ %next, %loop ]
      %next = add i32 %i, 1
      br label %loop
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(edges(graph, ProgramFlow::kData),
              IsSupersetOf({"1: i32 %next -> %i = phi i32 [ 0, %entry ], [ %next, %loop ]",
                            "0: %next = add i32 %i, 1 -> i32 %next"}));
  EXPECT_THAT(
      edges(graph, ProgramFlow::kControl),
      Contains("0: br label %loop -> %i = phi i32 [ 0, %entry ], [ %next, %loop ]").Times(2));
}

TEST(ProgramlTest, LeavesBlocksOutOfReachUnconnected) {
  const IrModule module = module_of(R"(
    define i32 @f() {
      ret i32 1
    nowhere:
      ret i32 2
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(full_texts(graph, ProgramNodeType::kInstruction), Contains("ret i32 2"));
  EXPECT_THAT(edges(graph, ProgramFlow::kCall),
              ElementsAre("0: [external] -> ret i32 1", "0: ret i32 1 -> [external]"));
}

TEST(ProgramlTest, ConnectsCallsOfKnownFunctionsOnly) {
  const IrModule module = module_of(R"(
    declare void @known()
    define void @f(ptr %unknown) {
      call void @known()
      call void %unknown()
      call void asm "nop", ""()
      ret void
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(
      edges(graph, ProgramFlow::kCall),
      ElementsAre("0: [external] -> ; undefined function", "0: ; undefined function -> [external]",
                  "0: [external] -> call void @known()", "0: ret void -> [external]",
                  "0: call void @known() -> ; undefined function",
                  "0: ; undefined function -> call void @known()"));
  EXPECT_THAT(edges(graph, ProgramFlow::kData),
              ElementsAre("0: ptr %unknown -> call void %unknown()"));
}

TEST(ProgramlTest, TakesGlobalsAndAliasesForConstantsWithTheirDefinition) {
  const IrModule module = module_of(R"(
    @counter = global i32 3
    @0 = private constant [2 x i8] c"\22\00"
    @also = alias i32, ptr @counter
    define void @f() {
      store ptr @0, ptr @counter
      store i32 ptrtoint (ptr @0 to i32), ptr @also
      store ptr @f, ptr @counter
      ret void
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(full_texts(graph, ProgramNodeType::kConstant),
              ElementsAre(R"(@0 = private constant [2 x i8] c"\22\00")", "@counter = global i32 3",
                          "i32 ptrtoint (ptr @0 to i32)", "@also = alias i32, ptr @counter"));
}

TEST(ProgramlTest, NamesVariablesAsTheTextDoes) {
  const IrModule module = module_of(R"(
    define i32 @f(i32 %0, i32 %named, i32 %1, { i32, i32 } %pair) {
      %"a = b" = add i32 %0, %named
      %3 = add i32 %"a = b", %1
      %first = extractvalue { i32, i32 } %pair, 0
      ret i32 %3
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(
      full_texts(graph, ProgramNodeType::kVariable),
      ElementsAre(R"(i32 %"a = b")", "i32 %3", "i32 %0", "i32 %named", "i32 %1", "struct %pair"));
}

TEST(ProgramlTest, NumbersTypesWithoutANameAsTheTextDoes) {
  const IrModule module = module_of(R"(
    %0 = type { i32 }
    %1 = type { %0, ptr }
    @first = global %0 zeroinitializer
    @second = global %1 zeroinitializer
    define void @f([2 x %1] %pairs) {
      %pair = extractvalue [2 x %1] %pairs, 1
      store %1 zeroinitializer, ptr getelementptr (%1, ptr @second, i32 0, i32 1)
      ret void
    })");

  const ProgramGraph graph(*module);

  EXPECT_THAT(full_texts(graph, ProgramNodeType::kVariable), ElementsAre("[2 x %1] %pairs"));
  EXPECT_THAT(
      full_texts(graph, ProgramNodeType::kConstant),
      ElementsAre("%1 zeroinitializer", "ptr getelementptr (%1, ptr @second, i32 0, i32 1)"));
}

TEST(ProgramlTest, IsEqualForEqualModulesAtOtherAddresses) {
  // LLVM prints the address of a type without a name where it can't number it.
  const std::string assembly = R"(
    %0 = type { i32, ptr }
    @table = global [2 x %0] zeroinitializer
    declare void @use(ptr)
    define [2 x %0] @f(ptr %p, i1 %c) {
      %all = load [2 x %0], ptr %p
      %one = load %0, ptr getelementptr ([2 x %0], ptr @table, i32 0, i32 1)
      %more = insertvalue [2 x %0] %all, %0 %one, 0
      %none = insertvalue [2 x %0] %more, %0 zeroinitializer, 1
      call void @use(ptr null)
      ret [2 x %0] %none
    })";
  const IrModule module = module_of(assembly);
  std::vector<std::unique_ptr<char[]>> elsewhere;
  for (std::size_t size = 16; size < 4096; size += 16) {
    elsewhere.push_back(std::make_unique<char[]>(size));
  }
  const IrModule again = module_of(assembly);

  const std::string json = programl_json(*module);

  EXPECT_EQ(json, programl_json(*again));
  EXPECT_EQ(json.find("0x"), std::string::npos) << json;
}

TEST(ProgramlTest, EscapesWhatJsonCantHold) {
  const IrModule module = module_of(R"(
    declare void @f()
    declare void @g()
    declare void @h()
    define void @"say \22\5C"() {
      ret void
    })");
  module->getFunction("f")->setName("\x01_f\n");
  module->getFunction("g")->setName("gr\xc3\xbc\xc3\x9f");
  module->getFunction("h")->setName("latin\xfc");

  const llvm::json::Object graph = parse_json(programl_json(*module));

  std::vector<std::string> names;
  for (const llvm::json::Value& function : *graph.getObject("graph")->getArray("function")) {
    names.push_back(function.getAsObject()->getString("name")->str());
  }
  EXPECT_THAT(names,
              ElementsAre("\x01_f\n", "gr\xc3\xbc\xc3\x9f", "latin\xef\xbf\xbd", R"(say "\)"));
}

TEST(ProgramlTest, TellsWhatAProfileSays) {
  const IrModule module = module_of(R"(
    define void @f(i1 %c) !prof !0 {
      br i1 %c, label %then, label %else, !prof !1
    then:
      ret void
    else:
      ret void
    }
    !0 = !{!"function_entry_count", i64 21}
    !1 = !{!"branch_weights", i32 20, i32 1})");

  const llvm::json::Object graph = parse_json(programl_json(*module));

  const llvm::json::Object& function =
      *(*graph.getObject("graph")->getArray("function"))[0].getAsObject();
  EXPECT_EQ(*function.getObject("features"),
            (llvm::json::Object{{"llvm_profile_entry_count", llvm::json::Array{21}}}));
  const llvm::json::Object& branch = *(*graph.getArray("nodes"))[1].getAsObject();
  EXPECT_EQ(*branch.getObject("features"),
            (llvm::json::Object{
                {"full_text", llvm::json::Array{"br i1 %c, label %then, label %else, !prof !1"}},
                {"llvm_profile_false_weight", llvm::json::Array{1}},
                {"llvm_profile_total_weight", llvm::json::Array{21}},
                {"llvm_profile_true_weight", llvm::json::Array{20}}}));
}

}  // namespace
}  // namespace compiler_gym

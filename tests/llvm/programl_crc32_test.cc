// The program graph of crc32, beside what CompilerGym makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/observations/programl.h"
#include "sessions/llvm/observations/programl_graph.h"
#include "tests/llvm/parse_json.h"
#include "tests/llvm/program_graph_text.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::IsSupersetOf;

IrModule crc32_module() {
  return parse_module(crc32_bitcode());
}

// `i8**` becomes `ptr`.
std::string with_opaque_pointers(std::string text) {
  for (std::size_t star; (star = text.find('*')) != std::string::npos;) {
    const std::size_t begin = text.find_last_of(' ', star) + 1;
    const std::size_t end = std::min(text.find_first_not_of('*', star), text.size());
    text.replace(begin, end - begin, "ptr");
  }
  return text;
}

TEST(ProgramlOnCrc32Test, HasTheNodesAndEdgesOfCompilerGym) {
  const IrModule crc32 = crc32_module();
  const llvm::json::Object expected = expected_of_crc32();

  const ProgramGraph graph(*crc32);

  EXPECT_EQ(graph.nodes().size(), expected.getInteger("Programl_nodes"));
  EXPECT_EQ(graph.edges().size(), expected.getInteger("Programl_edges"));
  std::array<std::int64_t, 3> flows{};
  for (const ProgramEdge& edge : graph.edges()) ++flows[static_cast<std::size_t>(edge.flow)];
  const llvm::json::Object& expected_flows = *expected.getObject("Programl_flow_counts");
  EXPECT_EQ(flows[0], expected_flows.getInteger("0"));
  EXPECT_EQ(flows[1], expected_flows.getInteger("1"));
  EXPECT_EQ(flows[2], expected_flows.getInteger("2"));
}

TEST(ProgramlOnCrc32Test, HasTheFirstNodesOfCompilerGymButForOpaquePointers) {
  const IrModule crc32 = crc32_module();
  const llvm::json::Object expected = expected_of_crc32();

  const llvm::json::Object graph = parse_json(programl_json(*crc32));

  const llvm::json::Array& nodes = *graph.getArray("nodes");
  const llvm::json::Array& samples = *expected.getArray("Programl_sample_nodes");
  ASSERT_FALSE(samples.empty());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    llvm::json::Object sample = *samples[i].getAsObject();
    sample["id"] = static_cast<std::int64_t>(i);
    if (const llvm::json::Object* features = sample.getObject("features")) {
      const std::string text = (*features->getArray("full_text"))[0].getAsString()->str();
      sample["features"] =
          llvm::json::Object{{"full_text", llvm::json::Array{with_opaque_pointers(text)}}};
    }
    EXPECT_EQ(nodes[i], llvm::json::Value(std::move(sample))) << "node " << i;
  }
}

// LLVM 19 renames llvm.lifetime.{start,end}.p0i8 on loading, because pointers have become opaque, which makes them the
// last functions of the module. In LLVM 10 they stood behind main's declarations, two nodes before @updateCRC32.
TEST(ProgramlOnCrc32Test, NumbersFunctionsAsCompilerGymButForRenamedIntrinsics) {
  const IrModule crc32 = crc32_module();
  const llvm::json::Object expected = expected_of_crc32();
  const ProgramGraph graph(*crc32);

  constexpr std::uint32_t kLifetimeIntrinsics = 2;
  constexpr std::uint32_t kFirstAfterThem = 120;
  ASSERT_EQ(graph.functions().back().name, "llvm.lifetime.end.p0");
  std::set<std::uint32_t> entries = {kFirstAfterThem, kFirstAfterThem + 1};
  for (const ProgramEdge& edge : graph.edges()) {
    if (edge.flow != ProgramFlow::kCall || edge.source != 0) continue;
    if (graph.nodes()[edge.target].function + kLifetimeIntrinsics >= graph.functions().size()) {
      continue;
    }
    entries.insert(edge.target < kFirstAfterThem ? edge.target : edge.target + kLifetimeIntrinsics);
  }

  std::set<std::uint32_t> sampled;
  for (const llvm::json::Value& edge : *expected.getArray("Programl_sample_edges")) {
    sampled.insert(*(*edge.getAsArray())[1].getAsInteger());
  }
  ASSERT_FALSE(sampled.empty());
  EXPECT_THAT(entries, IsSupersetOf(sampled));
}

TEST(ProgramlOnCrc32Test, HasInstructionsThatReadAsInTheModulesText) {
  const IrModule crc32 = crc32_module();
  const std::string ir = ir_text(*crc32);

  const ProgramGraph graph(*crc32);

  std::size_t instructions = 0;
  for (const std::string& text : full_texts(graph, ProgramNodeType::kInstruction)) {
    if (text.empty()) continue;  // the root, declarations
    ++instructions;
    EXPECT_NE(ir.find("\n  " + text + "\n"), std::string::npos) << text;
  }
  EXPECT_EQ(instructions, 242);
}

TEST(ProgramlOnCrc32Test, IsWhatNetworkxCallsNodeLinkData) {
  const IrModule crc32 = crc32_module();

  const llvm::json::Object graph = parse_json(programl_json(*crc32));

  EXPECT_EQ(graph.getBoolean("directed"), true);
  EXPECT_EQ(graph.getBoolean("multigraph"), true);
  EXPECT_EQ(graph.getObject("graph")->getArray("function")->size(), 15);
  const llvm::json::Array& nodes = *graph.getArray("nodes");
  std::int64_t id = 0;
  for (const llvm::json::Value& node : nodes) {
    EXPECT_EQ(node.getAsObject()->getInteger("id"), id++);
  }
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> links;
  for (const llvm::json::Value& value : *graph.getArray("links")) {
    const llvm::json::Object& link = *value.getAsObject();
    EXPECT_LT(*link.getInteger("source"), nodes.size());
    EXPECT_LT(*link.getInteger("target"), nodes.size());
    const bool is_new = links
                            .emplace(*link.getInteger("source"), *link.getInteger("target"),
                                     *link.getInteger("key"))
                            .second;
    EXPECT_TRUE(is_new) << "networkx would merge this edge with another";
  }
}

}  // namespace
}  // namespace compiler_gym

#include "bench/llvm/other_ways.h"

#include <llvm/IR/InstVisitor.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/JSON.h>
#include <llvm/Support/raw_ostream.h>

#include <charconv>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "bench/llvm/bench_sessions.h"
#include "core/posix/child_process.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/costs/object_size.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/programl_graph.h"
#include "tools/support/require.h"

namespace compiler_gym {
namespace {

// The counts are members of their own, as those of an llvm::Statistic are.
class CountingVisitor : public llvm::InstVisitor<CountingVisitor> {
 public:
  void visitFunction(llvm::Function& /*function*/) { ++functions_; }
  void visitBasicBlock(llvm::BasicBlock& /*block*/) { ++blocks_; }
#define HANDLE_INST(number, opcode, type)           \
  void visit##opcode(llvm::type& /*instruction*/) { \
    ++count_of_##opcode##_;                         \
    ++instructions_;                                \
  }
#include <llvm/IR/Instruction.def>

  [[nodiscard]] std::int64_t sum() const {
    std::int64_t sum = functions_ + blocks_ + instructions_;
#define HANDLE_INST(number, opcode, type) sum += count_of_##opcode##_;
#include <llvm/IR/Instruction.def>
    return sum;
  }

 private:
  std::int64_t functions_ = 0;
  std::int64_t blocks_ = 0;
  std::int64_t instructions_ = 0;
#define HANDLE_INST(number, opcode, type) std::int64_t count_of_##opcode##_ = 0;
#include <llvm/IR/Instruction.def>
};

llvm::json::Value as_json(std::string_view text) {
  const llvm::StringRef bytes(text.data(), text.size());
  return llvm::json::isUTF8(bytes) ? llvm::json::Value(bytes.str())
                                   : llvm::json::Value(llvm::json::fixUTF8(bytes));
}

llvm::json::Array links_of(const ProgramGraph& graph) {
  llvm::json::Array links;
  for (const ProgramEdge& edge : graph.edges()) {
    links.push_back(llvm::json::Object{{"flow", static_cast<std::int64_t>(edge.flow)},
                                       {"key", edge.key},
                                       {"position", edge.position},
                                       {"source", edge.source},
                                       {"target", edge.target}});
  }
  return links;
}

llvm::json::Array nodes_of(const ProgramGraph& graph) {
  llvm::json::Array nodes;
  std::int64_t id = 0;
  for (const ProgramNode& node : graph.nodes()) {
    llvm::json::Object object{{"block", node.block},
                              {"function", node.function},
                              {"id", id},
                              {"text", as_json(node.text)},
                              {"type", static_cast<std::int64_t>(node.type)}};
    if (id != 0) {
      object["features"] =
          llvm::json::Object{{"full_text", llvm::json::Array{as_json(node.full_text)}}};
    }
    nodes.push_back(std::move(object));
    ++id;
  }
  return nodes;
}

}  // namespace

std::int64_t object_size_by_processes(const std::string& bitcode, const std::string& directory) {
  std::ofstream(directory + "/in.bc", std::ios::binary) << bitcode;
  ShellCommand command;
  command.command = COMPILER_GYM_BENCH_LLVM_TOOLS
      "/clang -w -c -xir in.bc -o out.o && exec " COMPILER_GYM_BENCH_LLVM_TOOLS "/llvm-size out.o";
  command.directory = directory;
  const ProcessResult result = require(run_shell_command(command, {}));
  // A line of titles, then the numbers.
  const std::string& output = result.standard_output;
  const std::size_t number = output.find_first_of("0123456789", output.find('\n'));
  std::int64_t size = 0;
  if (!result.succeeded() || number == std::string::npos ||
      std::from_chars(output.data() + number, output.data() + output.size(), size).ec !=
          std::errc()) {
    throw std::runtime_error("clang and llvm-size failed: " + result.standard_error);
  }
  return size;
}

std::int64_t inst_count_by_visitor(const llvm::Module& module) {
  CountingVisitor visitor;
  visitor.visit(const_cast<llvm::Module&>(module));  // NOLINT: InstVisitor takes nothing else
  return visitor.sum();
}

std::string programl_by_dom(const llvm::Module& module) {
  const ProgramGraph graph(module);
  llvm::json::Array functions;
  for (const ProgramFunction& function : graph.functions()) {
    functions.push_back(llvm::json::Object{{"module", 0}, {"name", as_json(function.name)}});
  }
  const auto listed = [](const std::string& text) { return llvm::json::Array{as_json(text)}; };
  llvm::json::Array modules{llvm::json::Object{
      {"features", llvm::json::Object{{"llvm_data_layout", listed(module.getDataLayoutStr())},
                                      {"llvm_target_triple", listed(module.getTargetTriple())}}},
      {"name", as_json(module.getSourceFileName())}}};
  const llvm::json::Value document = llvm::json::Object{
      {"directed", true},
      {"graph",
       llvm::json::Object{{"function", std::move(functions)}, {"module", std::move(modules)}}},
      {"links", links_of(graph)},
      {"multigraph", true},
      {"nodes", nodes_of(graph)}};
  std::string text;
  llvm::raw_string_ostream(text) << document;
  return text;
}

std::int64_t eager_baselines(const std::string& bitcode, EagerSizes sizes, TargetMachines& machines,
                             const std::string& directory) {
  std::int64_t sum = 0;
  for (const Baseline baseline : {Baseline::kO0, Baseline::kO3, Baseline::kOz}) {
    const IrModule module = require(IrModule::parse(bitcode));
    if (baseline != Baseline::kO0) {
      const TargetMachines::Lease machine = machines.borrow();
      require(run_pipeline(*module, machine.for_module(*module), baseline_pipeline(baseline)));
    }
    sum += inst_count(*module)[0];
    const std::string optimised = write_bitcode(*module);
    sum += sizes == EagerSizes::kInProcess ? require(object_text_size(optimised, machines))
                                           : object_size_by_processes(optimised, directory);
  }
  return sum;
}

}  // namespace compiler_gym

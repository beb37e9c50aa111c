#include "sessions/llvm/observations/programl_graph.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Constant.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/ProfDataUtils.h>

#include "sessions/llvm/observations/programl_text.h"

namespace compiler_gym {
namespace {

// An operand: of which node, and the how-manieth.
struct Use {
  std::uint32_t user;
  std::uint32_t position;
};
using Uses = llvm::SmallVector<Use, 2>;

struct BlockEnds {
  std::uint32_t first;
  std::uint32_t last;
};

struct FunctionEnds {
  std::uint32_t entry;
  llvm::SmallVector<std::uint32_t, 1> exits;
};

struct CallSite {
  std::uint32_t node;
  const llvm::Function* callee;
};

// A variable and the number, within its function, of the instruction whose result it is.
struct Production {
  std::uint32_t producer;
  std::uint32_t variable;
};

constexpr std::uint32_t kRoot = 0;

}  // namespace

// Visits the functions in order, then connects what needs all of them: calls and constants.
class ProgramGraph::Builder {
 public:
  Builder(ProgramGraph& graph, const llvm::Module& module)
      : graph_(graph), module_(module), text_(module, graph.module_text_, graph.texts_) {}

  void build() {
    add_node(ProgramNodeType::kInstruction, "[external]", {});
    for (const llvm::Function& function : module_) {
      add_function(function);
      ++function_;
    }
    connect_calls();
    add_constants();
  }

 private:
  void add_function(const llvm::Function& function) {
    const auto entry_count = function.getEntryCount();
    graph_.functions_.push_back(
        {function.getName(), entry_count ? std::optional(entry_count->getCount()) : std::nullopt});

    FunctionEnds& ends = function_ends_[&function];
    if (function.isDeclaration()) {
      ends.entry = graph_.nodes_.size();
      ends.exits.push_back(ends.entry);
      graph_.nodes_.push_back(
          {ProgramNodeType::kInstruction, function_, /*block=*/0, "; undefined function", ""});
      return;
    }
    number_instructions(function);
    argument_uses_.assign(function.arg_size(), {});
    for (const llvm::BasicBlock& block : function) add_block(block);
    add_arguments(function);
    connect_producers();
    connect_blocks(function, ends);
  }

  // Across a loop, a result is an operand before the instruction has its node.
  void number_instructions(const llvm::Function& function) {
    instructions_before_ += instruction_nodes_.size();
    instruction_nodes_.clear();
    instruction_numbers_.clear();
    for (const llvm::BasicBlock& block : function) {
      for (const llvm::Instruction& instruction : block) {
        instruction_numbers_.try_emplace(&instruction, instruction_numbers_.size());
      }
    }
  }

  void add_block(const llvm::BasicBlock& block) {
    BlockEnds& ends = block_ends_[&block];
    for (const llvm::Instruction& instruction : block) {
      const std::uint32_t node = add_instruction(instruction);
      if (&instruction == &block.front()) {
        ends.first = node;
      } else {
        add_edge(ProgramFlow::kControl, 0, ends.last, node);
      }
      ends.last = node;
      for (const llvm::Use& operand : instruction.operands()) {
        add_operand(*operand.get(), {node, operand.getOperandNo()});
      }
    }
    ++block_;
  }

  std::uint32_t add_instruction(const llvm::Instruction& instruction) {
    const std::uint32_t node =
        add_node(ProgramNodeType::kInstruction, instruction.getOpcodeName(),
                 text_.instruction(instructions_before_ + instruction_nodes_.size()));
    instruction_nodes_.push_back(node);
    if (instruction.hasMetadata(llvm::LLVMContext::MD_prof)) add_profile(instruction, node);

    const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    if (call != nullptr && call->getCalledFunction() != nullptr) {
      call_sites_.push_back({node, call->getCalledFunction()});
    }
    return node;
  }

  void add_profile(const llvm::Instruction& instruction, std::uint32_t node) {
    ProgramProfile& profile = graph_.profiles_.emplace_back(ProgramProfile{node, {}, {}, {}});
    std::uint64_t total = 0;
    if (llvm::extractProfTotalWeight(instruction, total)) profile.total_weight = total;
    llvm::SmallVector<std::uint32_t, 2> weights;
    if (llvm::extractBranchWeights(instruction, weights) && weights.size() == 2) {
      profile.true_weight = weights[0];
      profile.false_weight = weights[1];
    }
  }

  void add_operand(const llvm::Value& value, Use use) {
    if (const auto* instruction = llvm::dyn_cast<llvm::Instruction>(&value)) {
      const std::uint32_t producer = instruction_numbers_.find(instruction)->second;
      const std::string_view text = text_.instruction(instructions_before_ + producer);
      const std::string_view type = text_.type(*value.getType());
      const std::uint32_t variable = add_node(ProgramNodeType::kVariable, type,
                                              text_.variable(type, ModuleText::result_name(text)));
      add_edge(ProgramFlow::kData, use.position, variable, use.user);
      productions_.push_back({producer, variable});
    } else if (const auto* argument = llvm::dyn_cast<llvm::Argument>(&value)) {
      argument_uses_[argument->getArgNo()].push_back(use);
    } else if (const auto* constant = llvm::dyn_cast<llvm::Constant>(&value);
               constant != nullptr && !llvm::isa<llvm::Function>(constant)) {
      constant_uses_[constant].push_back(use);
    }
  }

  void add_arguments(const llvm::Function& function) {
    for (const llvm::Argument& argument : function.args()) {
      const Uses& uses = argument_uses_[argument.getArgNo()];
      if (uses.empty()) continue;
      const std::uint32_t node = add_node(
          ProgramNodeType::kVariable, text_.type(*argument.getType()), text_.argument(argument));
      connect_uses(node, uses);
    }
  }

  void connect_producers() {
    for (const auto [producer, variable] : productions_) {
      add_edge(ProgramFlow::kData, 0, instruction_nodes_[producer], variable);
    }
    productions_.clear();
  }

  // Breadth first from the entry: a block out of reach is neither left nor an exit.
  void connect_blocks(const llvm::Function& function, FunctionEnds& ends) {
    const llvm::BasicBlock& entry = function.getEntryBlock();
    ends.entry = block_ends_.find(&entry)->second.first;

    llvm::SmallVector<const llvm::BasicBlock*, 32> reached = {&entry};
    llvm::SmallPtrSet<const llvm::BasicBlock*, 32> seen = {&entry};
    llvm::DenseMap<std::uint32_t, std::uint32_t> edges_to;  // a switch may go to one block twice
    for (std::size_t next = 0; next < reached.size(); ++next) {
      const std::uint32_t source = block_ends_.find(reached[next])->second.last;
      std::uint32_t position = 0;
      edges_to.clear();
      for (const llvm::BasicBlock* successor : llvm::successors(reached[next])) {
        const std::uint32_t target = block_ends_.find(successor)->second.first;
        add_edge(ProgramFlow::kControl, position++, source, target, edges_to[target]++);
        if (seen.insert(successor).second) reached.push_back(successor);
      }
      if (position == 0) ends.exits.push_back(source);
    }
    block_ends_.clear();
  }

  void connect_calls() {
    for (const llvm::Function& function : module_) connect_call({kRoot, &function});
    for (const CallSite& call_site : call_sites_) connect_call(call_site);
  }

  void connect_call(const CallSite& call_site) {
    const FunctionEnds& ends = function_ends_.find(call_site.callee)->second;
    add_edge(ProgramFlow::kCall, 0, call_site.node, ends.entry);
    for (const std::uint32_t exit : ends.exits) {
      add_edge(ProgramFlow::kCall, 0, exit, call_site.node);
    }
  }

  void add_constants() {
    function_ = 0;
    for (const auto& [constant, uses] : constant_uses_) {
      const std::uint32_t node = add_node(
          ProgramNodeType::kConstant, text_.type(*constant->getType()), text_.constant(*constant));
      connect_uses(node, uses);
    }
  }

  // The uses are in the order of the module, so those by one instruction are neighbours.
  void connect_uses(std::uint32_t source, const Uses& uses) {
    std::uint32_t key = 0;
    for (std::size_t i = 0; i < uses.size(); ++i) {
      key = i > 0 && uses[i].user == uses[i - 1].user ? key + 1 : 0;
      add_edge(ProgramFlow::kData, uses[i].position, source, uses[i].user, key);
    }
  }

  std::uint32_t add_node(ProgramNodeType type, std::string_view text, std::string_view full_text) {
    graph_.nodes_.push_back({type, function_, block_, text, full_text});
    return graph_.nodes_.size() - 1;
  }

  void add_edge(ProgramFlow flow, std::uint32_t position, std::uint32_t source,
                std::uint32_t target, std::uint32_t key = 0) {
    graph_.edges_.push_back({flow, position, source, target, key});
  }

  ProgramGraph& graph_;
  const llvm::Module& module_;
  ModuleText text_;
  std::uint32_t function_ = 0;
  std::uint32_t block_ = 0;

  // Of the function at hand.
  std::size_t instructions_before_ = 0;
  llvm::DenseMap<const llvm::Instruction*, std::uint32_t> instruction_numbers_;
  std::vector<std::uint32_t> instruction_nodes_;
  std::vector<Uses> argument_uses_;
  std::vector<Production> productions_;
  llvm::DenseMap<const llvm::BasicBlock*, BlockEnds> block_ends_;

  // Of the module. The order of first use makes the constants' order independent of addresses.
  llvm::DenseMap<const llvm::Function*, FunctionEnds> function_ends_;
  std::vector<CallSite> call_sites_;
  llvm::MapVector<const llvm::Constant*, Uses> constant_uses_;
};

ProgramGraph::ProgramGraph(const llvm::Module& module) {
  Builder(*this, module).build();
}

}  // namespace compiler_gym

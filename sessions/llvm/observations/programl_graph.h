// A module as a program graph: what the observation Programl shows, before it becomes JSON.
#pragma once

#include <llvm/Support/Allocator.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llvm {
class Function;
class Module;
}  // namespace llvm

namespace compiler_gym {

/// The numbers are those of the wire.
enum class ProgramFlow : std::uint8_t { kControl = 0, kData = 1, kCall = 2 };
enum class ProgramNodeType : std::uint8_t { kInstruction = 0, kVariable = 1, kConstant = 2 };

struct ProgramNode {
  ProgramNodeType type;
  std::uint32_t function;      ///< position in the module's list of functions; 0 for a constant
  std::uint32_t block;         ///< basic blocks are counted through the module, not per function
  std::string_view text;       ///< opcode of an instruction, type of a variable or constant
  std::string_view full_text;  ///< as in the module's textual IR
};

struct ProgramEdge {
  ProgramFlow flow;
  std::uint32_t position;  ///< control: which successor; data: which operand; call: 0
  std::uint32_t source;
  std::uint32_t target;
  /// Tells edges with the same two ends apart: the first is 0. CompilerGym gave 0 to all, and
  /// networkx then keeps only the last of them.
  std::uint32_t key = 0;
};

/// What a profile, or `__builtin_expect`, says of an instruction.
struct ProgramProfile {
  std::uint32_t node;
  std::optional<std::uint64_t> total_weight;
  std::optional<std::uint64_t> true_weight;
  std::optional<std::uint64_t> false_weight;
};

struct ProgramFunction {
  std::string_view name;
  std::optional<std::uint64_t> entry_count;
};

/// The ProGraML graph of a module.
///
/// Nodes    0 is the root `[external]`, which stands for whatever calls into the module. An
///          instruction each; a declaration has one, `; undefined function`. A variable for each
///          *use* of an instruction's result, before the instruction that uses it is done; one per
///          argument that is used. A constant each, shared by the whole module: global variables
///          and aliases are constants, functions are none.
/// Control  from an instruction to the next in its block, and from a terminator to the first
///          instruction of each successor, for blocks that can be reached.
/// Data     from a producer to its variable, and from a variable or constant to its user. Blocks,
///          functions, metadata and inline assembly are operands without an edge.
/// Call     root to every function's entry and from its exits back; the same for each `call` of a
///          known function. `invoke` and `callbr` have none, and neither do indirect calls.
///
/// Nodes are numbered in the order of the module's text; then come, per function, its arguments,
/// and at the end the constants in the order of their first use. Nothing depends on addresses.
///
/// Lifetime: texts are owned by the graph, but for names of functions, which are the module's.
/// Threads:  building reads the module; one thread at a time per LLVMContext, as always.
/// Source:   C. Cummins et al., "ProGraML: A Graph-based Program Representation for Data Flow
///           Analysis and Compiler Optimizations", ICML 2021.
class ProgramGraph {
 public:
  explicit ProgramGraph(const llvm::Module& module);
  ProgramGraph(const ProgramGraph&) = delete;
  ProgramGraph& operator=(const ProgramGraph&) = delete;

  [[nodiscard]] const std::vector<ProgramNode>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<ProgramEdge>& edges() const { return edges_; }
  /// Of some of the nodes, in their order.
  [[nodiscard]] const std::vector<ProgramProfile>& profiles() const { return profiles_; }
  [[nodiscard]] const std::vector<ProgramFunction>& functions() const { return functions_; }

 private:
  class Builder;

  std::vector<ProgramNode> nodes_;
  std::vector<ProgramEdge> edges_;
  std::vector<ProgramProfile> profiles_;
  std::vector<ProgramFunction> functions_;
  std::string module_text_;
  llvm::BumpPtrAllocator texts_;
};

}  // namespace compiler_gym

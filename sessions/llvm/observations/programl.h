// The observations `Programl` and `ProgramlJson`: a module as a program graph, in the JSON networkx
// reads.
#pragma once

#include <string>
#include <string_view>

namespace llvm {
class Module;
}

namespace compiler_gym {

/// The ProGraML graph of a module as node-link JSON, the format `json://networkx/MultiDiGraph`:
/// what `networkx.readwrite.json_graph.node_link_graph` reads. See programl_graph.h for what its
/// nodes and edges are.
///
///   {"directed": true, "multigraph": true,
///    "graph": {"function": [{"name", "module"}…], "module": [{"name", "features"}]},
///    "links": [{"flow", "key", "position", "source", "target"}…],
///    "nodes": [{"block", "features", "function", "id", "text", "type"}…]}
///
/// `flow` is 0 for control, 1 for data, 2 for call; `type` is 0 for an instruction, 1 for a
/// variable, 2 for a constant; `features` is {"full_text": ["%3 = alloca i32, align 4"]}, and the
/// root, node 0, has none. Keys are sorted and there is no white space, as CompilerGym sent it; the
/// text is ASCII but for names that hold UTF-8.
///
/// Equal modules give equal text: nothing depends on addresses or on the order of a hash table.
/// Threads:  reads the module; as with everything in LLVM, one thread at a time per LLVMContext.
/// Source:   C. Cummins et al., "ProGraML: A Graph-based Program Representation for Data Flow
/// Analysis and Compiler
///           Optimizations", ICML 2021; CompilerGym 0.2.5, observation spaces Programl and
///           ProgramlJson.
[[nodiscard]] std::string programl_json(const llvm::Module& module);

/// The graph with no module, no function and no node: the default observation of both spaces.
inline constexpr std::string_view kEmptyProgramlJson =
    R"({"directed":true,"graph":{"function":[],"module":[]},"links":[],"multigraph":true,"nodes":[]})";

}  // namespace compiler_gym

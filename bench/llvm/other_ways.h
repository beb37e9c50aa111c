// What the service's way of computing is compared with: the straightforward ones.
#pragma once

#include <cstdint>
#include <string>

#include "sessions/llvm/ir/target_machines.h"

namespace llvm {
class Module;
}

namespace compiler_gym {

/// Runs `clang -c` and then `llvm-size` on a file of bitcode, as processes, and returns the first
/// column. What they write goes into `directory`.
[[nodiscard]] std::int64_t object_size_by_processes(const std::string& bitcode,
                                                    const std::string& directory);

/// The sum of InstCount's numbers, which a llvm::InstVisitor counts with a function for each opcode,
/// as LLVM's own pass of this name.
[[nodiscard]] std::int64_t inst_count_by_visitor(const llvm::Module& module);

/// The text of Programl by way of a tree of llvm::json::Value, from the same graph.
[[nodiscard]] std::string programl_by_dom(const llvm::Module& module);

enum class EagerSizes { kInProcess, kByProcesses };

/// Computes what CompilerGym does when the first session starts on a benchmark that can't be built:
/// for each of O0, O3 and Oz the instructions and the size of the object code. Returns the sum.
[[nodiscard]] std::int64_t eager_baselines(const std::string& bitcode, EagerSizes sizes,
                                           TargetMachines& machines, const std::string& directory);

}  // namespace compiler_gym

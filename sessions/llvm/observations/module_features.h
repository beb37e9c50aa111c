// The observations `InstCount` and `Autophase`: a module as a vector of counts.
#pragma once

#include <array>
#include <cstdint>

namespace llvm {
class Module;
}

namespace compiler_gym {

/// Instructions, basic blocks and functions, then the instructions of each opcode in LLVM 10's
/// order (which is LLVM 19's still). Functions include those that are only declared.
inline constexpr std::size_t kInstCountSize = 70;
using InstCount = std::array<std::int64_t, kInstCountSize>;
[[nodiscard]] InstCount inst_count(const llvm::Module& module);

/// Source: A. Haj-Ali et al., "AutoPhase: Juggling HLS Phase Orderings in Random Forests with Deep
///         Reinforcement Learning", MLSys 2020, with the definitions of the authors' program; the
///         order is that of the names in module_features.cc.
inline constexpr std::size_t kAutophaseSize = 56;
using Autophase = std::array<std::int64_t, kAutophaseSize>;
[[nodiscard]] Autophase autophase(const llvm::Module& module);

}  // namespace compiler_gym

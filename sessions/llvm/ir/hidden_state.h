// Tells whether a module has been touched at all.
#pragma once

#include <cstdint>

namespace llvm {
class Module;
}

namespace compiler_gym {

/// A hash of what a module's bitcode does not show, and what later passes may all the same depend
/// on: the order of uses, and how far the counters are that make names unique. Addresses go into it,
/// so it tells only whether nothing at all has been touched between two calls.
[[nodiscard]] std::uint64_t hidden_state(const llvm::Module& module);

}  // namespace compiler_gym

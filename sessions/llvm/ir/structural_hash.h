// Tells whether a module has changed, without writing it out.
#pragma once

#include <llvm/ADT/DenseMap.h>

#include <cstdint>
#include <vector>

namespace llvm {
class Module;
class Type;
}  // namespace llvm

namespace compiler_gym {

/// Hashes modules. Two states of one module have the same hash if, and but for one chance in 2^64
/// only if, their bitcode is the same: what LLVM's own StructuralHash leaves out, names, attributes,
/// flags, constants, metadata and global variables' properties among it, is all in there. It takes
/// a fifth of the time in which bitcode is written and its SHA-1 computed.
///
/// Of what lives as long as the LLVMContext, attributes, types and metadata's strings, the address
/// is hashed: so hashes of modules in different contexts have nothing to do with each other.
///
/// Recursion: none, however deep constants and metadata are.
/// Threads:   one at a time; one object serves any number of modules, and keeps its memory.
class StructuralHasher {
 public:
  [[nodiscard]] std::uint64_t hash(const llvm::Module& module);

 private:
  class Walk;
  /// The number of everything that is referred to, by its address.
  llvm::DenseMap<const void*, unsigned> numbers_;
};

}  // namespace compiler_gym

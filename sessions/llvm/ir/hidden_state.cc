#include "sessions/llvm/ir/hidden_state.h"

#include <llvm/IR/Module.h>
#include <llvm/IR/ValueSymbolTable.h>

#include "sessions/llvm/ir/internal/word_hash.h"

namespace compiler_gym {
namespace {

// The counter of a symbol table, which is private. An explicit instantiation may name it.
template <auto Member>
struct CounterOf {
  friend std::uint32_t counter_of(const llvm::ValueSymbolTable& table) { return table.*Member; }
};
std::uint32_t counter_of(const llvm::ValueSymbolTable& table);
template struct CounterOf<&llvm::ValueSymbolTable::LastUnique>;

}  // namespace

std::uint64_t hidden_state(const llvm::Module& module) {
  internal::WordHash hash;
  const auto add_uses = [&hash](const llvm::Value& value) {
    hash.add(static_cast<const void*>(&value));
    for (const llvm::Use& use : value.uses()) {
      hash.add(static_cast<const void*>(&use));
    }
  };
  hash.add(std::uint64_t{counter_of(module.getValueSymbolTable())});
  for (const llvm::GlobalValue& value : module.global_values()) {
    add_uses(value);
  }
  for (const llvm::Function& function : module) {
    if (const llvm::ValueSymbolTable* table = function.getValueSymbolTable()) {
      hash.add(std::uint64_t{counter_of(*table)});
    }
    for (const llvm::Argument& argument : function.args()) {
      add_uses(argument);
    }
    for (const llvm::BasicBlock& block : function) {
      add_uses(block);
      for (const llvm::Instruction& instruction : block) {
        add_uses(instruction);
      }
    }
  }
  return hash.value();
}

}  // namespace compiler_gym

// The texts of a program graph's nodes, cut from one printing of the module.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/IR/ModuleSlotTracker.h>
#include <llvm/Support/Allocator.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace llvm {
class Argument;
class Constant;
class Instruction;
class Module;
class Type;
class Value;
}  // namespace llvm

namespace compiler_gym {

/// Prints a module once and finds instructions and globals in the result.
///
/// LLVM can print one instruction at a time, but sets up a printer for each, which looks at every
/// global of the module: on a module of 2.8 MB that takes 60 times as long as printing it whole.
/// Being cut from the module's text, an instruction reads exactly as in the observation `Ir`,
/// numbers of metadata included.
///
/// Lifetime: views lie in `text` and `arena`, which the caller keeps.
class ModuleText {
 public:
  ModuleText(const llvm::Module& module, std::string& text, llvm::BumpPtrAllocator& arena);

  /// The `index`-th instruction of the module, in the order of functions and blocks, without
  /// indentation: `%3 = alloca i32, align 4`. A switch is several lines.
  [[nodiscard]] std::string_view instruction(std::size_t index) const;

  /// The name an instruction gives its result, sigil included, from its text: `%3`.
  [[nodiscard]] static std::string_view result_name(std::string_view instruction);

  /// `i32 7`; the whole definition of a global.
  [[nodiscard]] std::string_view constant(const llvm::Constant& constant);

  /// `i32`; all structs are `struct`.
  [[nodiscard]] std::string_view type(llvm::Type& type);

  /// `i32 %x`.
  [[nodiscard]] std::string_view variable(std::string_view type, std::string_view name);
  [[nodiscard]] std::string_view argument(const llvm::Argument& argument);

 private:
  class Recorder;
  struct Extent {
    std::size_t begin;
    std::size_t end;
  };

  [[nodiscard]] std::string_view cut(Extent extent) const;
  [[nodiscard]] std::string_view save(std::string_view text);
  [[nodiscard]] std::string with_numbered_types(std::string text);
  void number_types();

  const std::string& text_;
  llvm::BumpPtrAllocator& arena_;
  std::vector<Extent> instructions_;
  llvm::DenseMap<const llvm::Value*, Extent> globals_;
  llvm::DenseMap<llvm::Type*, std::string_view> types_;
  llvm::ModuleSlotTracker slots_;
  llvm::StringMap<std::size_t> type_numbers_;  // by address as printed; filled when needed
};

}  // namespace compiler_gym

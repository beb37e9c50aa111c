#include "sessions/llvm/ir/code_generation_metadata.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Metadata.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_set>

#include "sessions/llvm/ir/ir_module.h"

namespace compiler_gym {
namespace {

constexpr std::array<llvm::StringRef, 3> kKept{"llvm.module.flags", "llvm.linker.options",
                                               "llvm.dependent-libraries"};

// Whether it can be in a module that has no functions and no variables.
bool stands_alone(const llvm::MDNode& root) {
  std::unordered_set<const llvm::MDNode*> seen{&root};
  std::vector<const llvm::MDNode*> to_visit{&root};
  while (!to_visit.empty()) {
    const llvm::MDNode& node = *to_visit.back();
    to_visit.pop_back();
    for (const llvm::MDOperand& operand : node.operands()) {
      const llvm::Metadata* const metadata = operand.get();
      if (const auto* value = llvm::dyn_cast_or_null<llvm::ValueAsMetadata>(metadata)) {
        if (!llvm::isa<llvm::ConstantData>(value->getValue())) {
          return false;
        }
      } else if (const auto* inner = llvm::dyn_cast_or_null<llvm::MDNode>(metadata);
                 inner != nullptr && seen.insert(inner).second) {
        to_visit.push_back(inner);
      }
    }
  }
  return true;
}

// Both modules are of one context.
void copy_kept(llvm::Module& from, llvm::Module& to) {
  for (const llvm::NamedMDNode& named : from.named_metadata()) {
    if (std::ranges::find(kKept, named.getName()) == kKept.end()) {
      continue;
    }
    for (llvm::MDNode* node : from.getNamedMetadata(named.getName())->operands()) {
      if (stands_alone(*node)) {
        to.getOrInsertNamedMetadata(named.getName())->addOperand(node);
      }
    }
  }
}

}  // namespace

std::string code_generation_metadata(llvm::Module& module) {
  llvm::Module kept("-", module.getContext());
  copy_kept(module, kept);
  return kept.named_metadata_empty() ? "" : write_bitcode(kept);
}

grpc::Status add_code_generation_metadata(llvm::Module& module, std::string_view metadata) {
  if (metadata.empty()) {
    return grpc::Status::OK;
  }
  llvm::Expected<std::unique_ptr<llvm::Module>> kept = llvm::parseBitcodeFile(
      llvm::MemoryBufferRef(llvm::StringRef(metadata.data(), metadata.size()), "-"),
      module.getContext());
  if (!kept) {
    return internal_error("Failed to parse a program's module flags again: " +
                          llvm::toString(kept.takeError()));
  }
  copy_kept(**kept, module);
  return grpc::Status::OK;
}

void erase_named_metadata(llvm::Module& module) {
  while (!module.named_metadata_empty()) {
    module.eraseNamedMetadata(&*module.named_metadata_begin());
  }
}

}  // namespace compiler_gym

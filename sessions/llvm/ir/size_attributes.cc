#include "sessions/llvm/ir/size_attributes.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <utility>

namespace compiler_gym {
namespace {

// A function, or a call.
template <typename Carrier>
bool set_attribute(Carrier& carrier, bool has, bool wanted, llvm::Attribute::AttrKind attribute) {
  if (has == wanted) {
    return false;
  }
  if (wanted) {
    carrier.addFnAttr(attribute);
  } else {
    carrier.removeFnAttr(attribute);
  }
  return true;
}

bool set_on_function(llvm::Function& function, bool optsize, bool minsize) {
  using llvm::Attribute;
  bool changed = set_attribute(function, function.hasFnAttribute(Attribute::OptimizeForSize),
                               optsize, Attribute::OptimizeForSize);
  changed |= set_attribute(function, function.hasFnAttribute(Attribute::MinSize), minsize,
                           Attribute::MinSize);
  return changed;
}

// What is said of the call itself, not of the function that it calls.
bool set_on_call(llvm::CallBase& call, bool optsize, bool minsize) {
  using llvm::Attribute;
  const llvm::AttributeList attributes = call.getAttributes();
  bool changed = set_attribute(call, attributes.hasFnAttr(Attribute::OptimizeForSize), optsize,
                               Attribute::OptimizeForSize);
  changed |=
      set_attribute(call, attributes.hasFnAttr(Attribute::MinSize), minsize, Attribute::MinSize);
  return changed;
}

// Of an intrinsic clang says nothing, nor of assembler code.
bool is_plain_call(const llvm::CallBase& call) {
  const llvm::Function* callee = call.getCalledFunction();
  return !call.isInlineAsm() && (callee == nullptr || !callee->isIntrinsic());
}

}  // namespace

std::optional<SizeAttributes> find_size_attributes(std::string_view name) {
  constexpr std::array kNames{std::pair("none", SizeAttributes::kNone),
                              std::pair("optsize", SizeAttributes::kOptSize),
                              std::pair("minsize", SizeAttributes::kMinSize)};
  const auto* const found =
      std::ranges::find_if(kNames, [&](const auto& each) { return each.first == name; });
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

bool set_size_attributes(llvm::Module& module, SizeAttributes wanted) {
  const bool optsize = wanted != SizeAttributes::kNone;
  const bool minsize = wanted == SizeAttributes::kMinSize;
  bool changed = false;
  for (llvm::Function& function : module) {
    if (!function.isIntrinsic() && !function.hasOptNone()) {
      changed |= set_on_function(function, optsize, minsize);
    }
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* const call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (call != nullptr && is_plain_call(*call)) {
        changed |= set_on_call(*call, optsize, minsize);
      }
    }
  }
  return changed;
}

}  // namespace compiler_gym

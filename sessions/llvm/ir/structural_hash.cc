#include "sessions/llvm/ir/structural_hash.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Metadata.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/IR/ValueSymbolTable.h>

#include <utility>
#include <variant>

#include "sessions/llvm/ir/internal/word_hash.h"

// Everything in a module is given a number: global values, arguments, blocks and instructions by
// their order; constants, metadata and struct types when they are first referred to. A reference is
// hashed as the number, and what is behind it once, after all that refers to it: the queue. So equal
// structures give equal hashes, and nothing recurses. What can be deleted and made again is never
// hashed by its address, which something else could have by then.

namespace compiler_gym {
namespace {

// The bits in which instructions keep what is not an operand: alignment, ordering, predicate, calling
// convention and so on. Protected, for fear that somebody changes them.
struct SubclassData : llvm::Value {
  static unsigned of(const llvm::Value& value) {
    return (value.*(&SubclassData::getSubclassDataFromValue))();
  }
};

}  // namespace

class StructuralHasher::Walk {
 public:
  explicit Walk(llvm::DenseMap<const void*, unsigned>& numbers) : numbers_(numbers) {
    numbers_.clear();
  }

  std::uint64_t run(const llvm::Module& module) {
    number(module);
    add_module(module);
    for (const llvm::GlobalVariable& variable : module.globals()) {
      add(variable);
    }
    for (const llvm::Function& function : module) {
      add(function);
    }
    for (const llvm::GlobalAlias& alias : module.aliases()) {
      add_global_value(alias);
      add_reference(alias.getAliasee());
    }
    for (const llvm::GlobalIFunc& ifunc : module.ifuncs()) {
      add_global_value(ifunc);
      add_reference(ifunc.getResolver());
      add_attachments(ifunc);
    }
    for (const llvm::NamedMDNode& node : module.named_metadata()) {
      hash_.add(node.getName());
      for (const llvm::MDNode* operand : node.operands()) {
        add_metadata(operand);
      }
    }
    drain();
    return hash_.value();
  }

 private:
  using Pending = std::variant<const llvm::Constant*, const llvm::InlineAsm*, const llvm::MDNode*,
                               const llvm::Type*>;

  void number(const llvm::Module& module) {
    for (const llvm::GlobalValue& value : module.global_values()) {
      number(value);
    }
    for (const llvm::Function& function : module) {
      for (const llvm::Argument& argument : function.args()) {
        number(argument);
      }
      for (const llvm::BasicBlock& block : function) {
        number(block);
        for (const llvm::Instruction& instruction : block) {
          number(instruction);
        }
      }
    }
  }

  void number(const llvm::Value& value) {
    numbers_.try_emplace(&value, static_cast<unsigned>(numbers_.size()));
  }

  // Of something that is hashed later, if it is met for the first time.
  template <typename T>
  void add_number(const T* thing) {
    const auto [entry, inserted] =
        numbers_.try_emplace(thing, static_cast<unsigned>(numbers_.size()));
    hash_.add(std::uint64_t{entry->second});
    if (inserted) {
      pending_.emplace_back(thing);
    }
  }

  void add_reference(const llvm::Value* value) {
    if (value == nullptr) {
      hash_.add(~std::uint64_t{0});
    } else if (const auto* constant = llvm::dyn_cast<llvm::Constant>(value)) {
      add_number(constant);
    } else if (const auto* assembler = llvm::dyn_cast<llvm::InlineAsm>(value)) {
      add_number(assembler);
    } else if (const auto* metadata = llvm::dyn_cast<llvm::MetadataAsValue>(value)) {
      add_metadata(metadata->getMetadata());
    } else {
      hash_.add(std::uint64_t{numbers_.lookup(value)});
    }
  }

  // Named types can be given other names, and so what has them in it is not what it was.
  void add_type(const llvm::Type* type) {
    switch (type->getTypeID()) {
      case llvm::Type::StructTyID:
      case llvm::Type::ArrayTyID:
      case llvm::Type::FixedVectorTyID:
      case llvm::Type::FunctionTyID:
      case llvm::Type::TargetExtTyID:
        add_number(type);
        break;
      default:
        hash_.add(static_cast<const void*>(type));
    }
  }

  void add_metadata(const llvm::Metadata* metadata) {
    if (metadata == nullptr) {
      hash_.add(~std::uint64_t{1});
      return;
    }
    hash_.add(std::uint64_t{metadata->getMetadataID()});
    if (const auto* node = llvm::dyn_cast<llvm::MDNode>(metadata)) {
      add_number(node);
    } else if (const auto* value = llvm::dyn_cast<llvm::ValueAsMetadata>(metadata)) {
      add_reference(value->getValue());
    } else if (const auto* list = llvm::dyn_cast<llvm::DIArgList>(metadata)) {
      for (const llvm::ValueAsMetadata* argument : list->getArgs()) {
        add_reference(argument->getValue());
      }
    } else {
      hash_.add(static_cast<const void*>(metadata));  // a string: it lives as long as its context
    }
  }

  template <typename T>
  void add_attachments(const T& holder) {
    attachments_.clear();
    holder.getAllMetadata(attachments_);
    for (const auto& [kind, node] : attachments_) {
      hash_.add(std::uint64_t{kind});
      add_metadata(node);
    }
  }

  void add_module(const llvm::Module& module) {
    hash_.add(llvm::StringRef(module.getTargetTriple()));
    hash_.add(llvm::StringRef(module.getDataLayoutStr()));
    hash_.add(llvm::StringRef(module.getModuleInlineAsm()));
    hash_.add(llvm::StringRef(module.getSourceFileName()));
    hash_.add(std::uint64_t{module.size()});
    hash_.add(std::uint64_t{module.global_size()});
    hash_.add(std::uint64_t{module.alias_size()});
    // Every module's bitcode lists what its context knows, and that only grows.
    llvm::SmallVector<llvm::StringRef, 64> names;
    module.getContext().getMDKindNames(names);
    hash_.add(std::uint64_t{names.size()});
    module.getContext().getOperandBundleTags(names);
    hash_.add(std::uint64_t{names.size()});
    module.getContext().getSyncScopeNames(names);
    hash_.add(std::uint64_t{names.size()});
  }

  void add_global_value(const llvm::GlobalValue& value) {
    hash_.add(value.getName());
    add_type(value.getType());
    add_type(value.getValueType());
    // Each has at most four bits.
    hash_.add(std::uint64_t{value.getLinkage()} | std::uint64_t{value.getVisibility()} << 4U |
              static_cast<std::uint64_t>(value.getUnnamedAddr()) << 8U |
              std::uint64_t{value.getDLLStorageClass()} << 12U |
              std::uint64_t{value.getThreadLocalMode()} << 16U |
              std::uint64_t{value.isDSOLocal()} << 20U);
    if (value.hasPartition()) {
      hash_.add(value.getPartition());
    }
    if (value.hasSanitizerMetadata()) {
      const llvm::GlobalValue::SanitizerMetadata& metadata = value.getSanitizerMetadata();
      hash_.add(std::uint64_t{metadata.NoAddress} | std::uint64_t{metadata.NoHWAddress} << 1U |
                std::uint64_t{metadata.Memtag} << 2U | std::uint64_t{metadata.IsDynInit} << 3U);
    }
  }

  void add_global_object(const llvm::GlobalObject& object) {
    add_global_value(object);
    hash_.add(object.getAlign().has_value() ? object.getAlign()->value() : 0);
    if (object.hasSection()) {
      hash_.add(object.getSection());
    }
    if (const llvm::Comdat* comdat = object.getComdat()) {
      hash_.add(comdat->getName());
      hash_.add(std::uint64_t{comdat->getSelectionKind()});
    }
    if (object.hasMetadata()) {
      add_attachments(object);
    }
  }

  void add(const llvm::GlobalVariable& variable) {
    add_global_object(variable);
    hash_.add(std::uint64_t{variable.isConstant()} |
              std::uint64_t{variable.isExternallyInitialized()} << 1U |
              std::uint64_t{variable.hasInitializer()} << 2U);
    for (const llvm::Attribute attribute : variable.getAttributes()) {
      hash_.add(static_cast<const void*>(attribute.getRawPointer()));
    }
    if (const auto model = variable.getCodeModel()) {
      hash_.add(std::uint64_t{*model});
    }
    if (variable.hasInitializer()) {
      add_reference(variable.getInitializer());
    }
  }

  void add(const llvm::Function& function) {
    add_global_object(function);
    hash_.add(std::uint64_t{function.getCallingConv()});
    hash_.add(function.getAttributes().getRawPointer());
    if (function.hasGC()) {
      hash_.add(llvm::StringRef(function.getGC()));
    }
    hash_.add(std::uint64_t{function.hasPersonalityFn()} |
              std::uint64_t{function.hasPrefixData()} << 1U |
              std::uint64_t{function.hasPrologueData()} << 2U);
    for (const llvm::Use& operand : function.operands()) {
      add_reference(operand.get());
    }
    // In the order in which the table has them, as bitcode does: it is another if names have come and
    // gone.
    if (const llvm::ValueSymbolTable* names = function.getValueSymbolTable()) {
      for (const llvm::ValueName& name : *names) {
        hash_.add(name.getKey());
        add_reference(name.getValue());
      }
    }
    hash_.add(std::uint64_t{function.size()});
    for (const llvm::BasicBlock& block : function) {
      for (const llvm::Instruction& instruction : block) {
        add(instruction);
      }
      hash_.add(~std::uint64_t{2});  // the block ends
    }
  }

  void add(const llvm::Instruction& instruction) {
    hash_.add(std::uint64_t{instruction.getOpcode()} |
              std::uint64_t{instruction.getRawSubclassOptionalData()} << 8U |
              std::uint64_t{SubclassData::of(instruction)} << 16U |
              std::uint64_t{instruction.getNumOperands()} << 32U);
    add_type(instruction.getType());
    for (const llvm::Use& operand : instruction.operands()) {
      add_reference(operand.get());
    }
    if (instruction.hasMetadata()) {
      add_attachments(instruction);
    }
    for (const llvm::DbgRecord& record : instruction.getDbgRecordRange()) {
      hash_.add(static_cast<const void*>(&record));
    }
    add_special_state(instruction);
  }

  // What is neither an operand nor in the bits of SubclassData.
  void add_special_state(const llvm::Instruction& instruction) {
    if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction)) {
      hash_.add(call->getAttributes().getRawPointer());
      add_type(call->getFunctionType());
      for (unsigned i = 0; i < call->getNumOperandBundles(); ++i) {
        const llvm::OperandBundleUse bundle = call->getOperandBundleAt(i);
        hash_.add(std::uint64_t{bundle.getTagID()} | std::uint64_t{bundle.Inputs.size()} << 32U);
      }
    } else if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction)) {
      for (const llvm::BasicBlock* block : phi->blocks()) {
        add_reference(block);
      }
    } else if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) {
      add_type(address->getSourceElementType());
    } else if (const auto* memory = llvm::dyn_cast<llvm::AllocaInst>(&instruction)) {
      add_type(memory->getAllocatedType());
    } else if (const auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction)) {
      add_numbers(shuffle->getShuffleMask());
    } else if (const auto* extract = llvm::dyn_cast<llvm::ExtractValueInst>(&instruction)) {
      add_numbers(extract->getIndices());
    } else if (const auto* insert = llvm::dyn_cast<llvm::InsertValueInst>(&instruction)) {
      add_numbers(insert->getIndices());
    } else if (const auto scope = llvm::getAtomicSyncScopeID(&instruction)) {
      hash_.add(std::uint64_t{*scope});
    }
  }

  template <typename Number>
  void add_numbers(llvm::ArrayRef<Number> numbers) {
    for (const Number number : numbers) {
      hash_.add(static_cast<std::uint64_t>(number));
    }
  }

  void drain() {
    while (!pending_.empty()) {
      std::vector<Pending> batch = std::exchange(pending_, {});
      for (const Pending& pending : batch) {
        std::visit([this](const auto* thing) { add_content(*thing); }, pending);
      }
    }
  }

  void add_content(const llvm::Constant& constant) {
    hash_.add(std::uint64_t{constant.getValueID()} |
              std::uint64_t{constant.getRawSubclassOptionalData()} << 8U);
    add_type(constant.getType());
    if (const auto* integer = llvm::dyn_cast<llvm::ConstantInt>(&constant)) {
      add_bits(integer->getValue());
    } else if (const auto* number = llvm::dyn_cast<llvm::ConstantFP>(&constant)) {
      add_bits(number->getValueAPF().bitcastToAPInt());
    } else if (const auto* data = llvm::dyn_cast<llvm::ConstantDataSequential>(&constant)) {
      hash_.add(data->getRawDataValues());
    } else if (const auto* expression = llvm::dyn_cast<llvm::ConstantExpr>(&constant)) {
      hash_.add(std::uint64_t{expression->getOpcode()} |
                std::uint64_t{SubclassData::of(*expression)} << 32U);
      if (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(expression)) {
        add_type(address->getSourceElementType());
        if (const auto range = address->getInRange()) {
          add_bits(range->getLower());
          add_bits(range->getUpper());
        }
      } else if (expression->getOpcode() == llvm::Instruction::ShuffleVector) {
        add_numbers(expression->getShuffleMask());
      }
    }
    for (const llvm::Use& operand : constant.operands()) {
      add_reference(operand.get());
    }
  }

  void add_bits(const llvm::APInt& value) {
    for (unsigned i = 0; i < value.getNumWords(); ++i) {
      hash_.add(value.getRawData()[i]);
    }
  }

  void add_content(const llvm::InlineAsm& assembler) {
    hash_.add(llvm::StringRef(assembler.getAsmString()));
    hash_.add(llvm::StringRef(assembler.getConstraintString()));
    add_type(assembler.getFunctionType());
    hash_.add(
        std::uint64_t{assembler.hasSideEffects()} | std::uint64_t{assembler.isAlignStack()} << 1U |
        std::uint64_t{assembler.getDialect()} << 2U | std::uint64_t{assembler.canThrow()} << 3U);
  }

  void add_content(const llvm::MDNode& node) {
    hash_.add(std::uint64_t{node.isDistinct()});
    for (const llvm::MDOperand& operand : node.operands()) {
      add_metadata(operand.get());
    }
    if (!llvm::isa<llvm::MDTuple>(node)) {
      hash_.add(static_cast<const void*>(&node));  // debug information has more than operands
    }
  }

  void add_content(const llvm::Type& type) {
    hash_.add(static_cast<const void*>(&type));
    if (const auto* structure = llvm::dyn_cast<llvm::StructType>(&type)) {
      hash_.add(structure->hasName() ? structure->getName() : "");
    }
    for (const llvm::Type* contained : type.subtypes()) {
      add_type(contained);
    }
  }

  llvm::DenseMap<const void*, unsigned>& numbers_;
  std::vector<Pending> pending_;
  llvm::SmallVector<std::pair<unsigned, llvm::MDNode*>, 8> attachments_;
  internal::WordHash hash_;
};

std::uint64_t StructuralHasher::hash(const llvm::Module& module) {
  return Walk(numbers_).run(module);
}

}  // namespace compiler_gym

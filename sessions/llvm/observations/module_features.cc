#include "sessions/llvm/observations/module_features.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <cstddef>

// Both vectors come from one walk over the module that looks at every instruction once: opcodes are
// counted in a table, and what Autophase wants to know besides only where it can differ from zero.

namespace compiler_gym {
namespace {

using llvm::Instruction;

// LLVM 10's opcodes, 1 to 67. Clients know the positions, so a newer LLVM that renumbers has to be
// translated.
constexpr std::size_t kOpcodes = 68;
static_assert(Instruction::Ret == 1 && Instruction::CallBr == 11 && Instruction::FNeg == 12 &&
              Instruction::Add == 13 && Instruction::Xor == 30 && Instruction::Alloca == 31 &&
              Instruction::AtomicRMW == 37 && Instruction::Trunc == 38 &&
              Instruction::AddrSpaceCast == 50 && Instruction::CatchPad == 52 &&
              Instruction::ICmp == 53 && Instruction::PHI == 55 && Instruction::Call == 56 &&
              Instruction::VAArg == 60 && Instruction::LandingPad == 66 &&
              Instruction::Freeze == 67);

struct Counts {
  std::int64_t functions = 0;
  std::int64_t blocks = 0;
  std::array<std::int64_t, kOpcodes> opcodes{};

  [[nodiscard]] std::int64_t operator[](unsigned opcode) const { return opcodes[opcode]; }
  [[nodiscard]] std::int64_t instructions() const {
    std::int64_t total = 0;
    for (const std::int64_t count : opcodes) {
      total += count;
    }
    return total;
  }
};

// The 56 features, in order. Blocks are classified by predecessors and successors (edges: a switch
// with two cases for one block has two); "constants" are the integers among the operands.
enum Feature : std::size_t {
  kBlocksWithMoreThan5PhiArguments,
  kBlocksWith1To5PhiArguments,
  kOnePredecessor,
  kOnePredecessorOneSuccessor,
  kOnePredecessorTwoSuccessors,
  kOneSuccessor,
  kTwoPredecessors,
  kTwoPredecessorsOneSuccessor,
  kTwoPredecessorsTwoSuccessors,
  kTwoSuccessors,
  kMoreThanTwoPredecessors,
  kBlocksWith1To3Phis,
  kBlocksWithMoreThan3Phis,
  kBlocksWithoutPhi,
  kBlocksBeginningWithPhi,
  kBranches,
  kCallsOfIntFunctions,  // direct calls
  kCriticalEdges,
  kEdges,
  k32BitConstants,
  k64BitConstants,
  kConstantZeroes,
  kConstantOnes,
  kUnconditionalBranches,
  kBinaryOperationsWithConstant,
  kAShr,
  kAdd,
  kAlloca,
  kAnd,
  kBlocksWith15To500Instructions,
  kBlocksWithLessThan15Instructions,
  kBitCast,
  kBr,
  kCall,
  kGetElementPtr,
  kICmp,
  kLShr,
  kLoad,
  kMul,
  kOr,
  kPhi,
  kRet,
  kSExt,
  kSelect,
  kShl,
  kStore,
  kSub,
  kTrunc,
  kXor,
  kZExt,
  kBlocks,
  kInstructions,
  kMemoryInstructions,
  kFunctions,
  kPhiArguments,
  kUnaryOperations,
  kFeatures
};
static_assert(kFeatures == kAutophaseSize);

struct BlockCounts {
  std::int64_t instructions = 0;
  std::int64_t phis = 0;
  std::int64_t phi_arguments = 0;
};

void count_if_constant(const llvm::Value* operand, Autophase& features) {
  const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(operand);
  if (constant == nullptr) {
    return;
  }
  const unsigned width = constant->getBitWidth();
  features[k32BitConstants] += static_cast<std::int64_t>(width == 32);
  features[k64BitConstants] += static_cast<std::int64_t>(width == 64);
  features[kConstantZeroes] += static_cast<std::int64_t>(constant->isZero());
  features[kConstantOnes] += static_cast<std::int64_t>(constant->isOne());
}

// What the opcode alone does not say. Most of the time goes into looking at operands, so those that
// can't be integers are left alone: pointers that are loaded from or stored to, blocks.
void count_instruction(const Instruction& instruction, BlockCounts& block, Autophase& features) {
  switch (instruction.getOpcode()) {
    case Instruction::PHI:
      ++block.phis;
      block.phi_arguments += llvm::cast<llvm::PHINode>(instruction).getNumIncomingValues();
      break;
    case Instruction::Load:
      return;
    case Instruction::Store:
      count_if_constant(instruction.getOperand(0), features);
      return;
    case Instruction::Br: {
      const auto& branch = llvm::cast<llvm::BranchInst>(instruction);
      if (branch.isUnconditional()) {
        ++features[kUnconditionalBranches];
      } else {
        count_if_constant(branch.getCondition(), features);
      }
      return;
    }
    case Instruction::Call: {
      const llvm::Function* callee = llvm::cast<llvm::CallInst>(instruction).getCalledFunction();
      features[kCallsOfIntFunctions] +=
          static_cast<std::int64_t>(callee != nullptr && callee->getReturnType()->isIntegerTy());
      break;
    }
    default:
      if (instruction.isBinaryOp()) {
        features[kBinaryOperationsWithConstant] +=
            static_cast<std::int64_t>(llvm::isa<llvm::Constant>(instruction.getOperand(0)) ||
                                      llvm::isa<llvm::Constant>(instruction.getOperand(1)));
      }
  }
  for (const llvm::Use& operand : instruction.operands()) {
    count_if_constant(operand.get(), features);
  }
}

// Inline for the most frequent terminator, unlike LLVM's.
unsigned successors_of(const Instruction& terminator) {
  const auto* branch = llvm::dyn_cast<llvm::BranchInst>(&terminator);
  return branch != nullptr ? branch->getNumSuccessors() : terminator.getNumSuccessors();
}

void count_edges(const llvm::BasicBlock& block, Autophase& features) {
  const unsigned successors = successors_of(*block.getTerminator());
  unsigned predecessors = 0;
  unsigned from_several = 0;  // edges from a block with further ones
  for (const llvm::User* user : block.users()) {
    const auto* terminator = llvm::dyn_cast<Instruction>(user);  // or it is a blockaddress
    if (terminator != nullptr && terminator->isTerminator()) {
      ++predecessors;
      from_several += static_cast<unsigned>(successors_of(*terminator) > 1);
    }
  }
  features[kEdges] += successors;
  // Critical: from a block with several edges out to one with several in.
  features[kCriticalEdges] += predecessors > 1 ? from_several : 0;
  features[kOneSuccessor] += static_cast<std::int64_t>(successors == 1);
  features[kTwoSuccessors] += static_cast<std::int64_t>(successors == 2);
  if (predecessors == 1) {
    ++features[kOnePredecessor];
    features[kOnePredecessorOneSuccessor] += static_cast<std::int64_t>(successors == 1);
    features[kOnePredecessorTwoSuccessors] += static_cast<std::int64_t>(successors == 2);
  } else if (predecessors == 2) {
    ++features[kTwoPredecessors];
    features[kTwoPredecessorsOneSuccessor] += static_cast<std::int64_t>(successors == 1);
    features[kTwoPredecessorsTwoSuccessors] += static_cast<std::int64_t>(successors == 2);
  } else if (predecessors > 2) {
    ++features[kMoreThanTwoPredecessors];
  }
}

void classify_block(const BlockCounts& block, Autophase& features) {
  if (block.instructions < 15) {
    ++features[kBlocksWithLessThan15Instructions];
  } else if (block.instructions <= 500) {
    ++features[kBlocksWith15To500Instructions];
  }
  if (block.phis == 0) {
    ++features[kBlocksWithoutPhi];
    return;
  }
  ++features[kBlocksBeginningWithPhi];  // phis come first in a block, or not at all
  ++features[block.phis <= 3 ? kBlocksWith1To3Phis : kBlocksWithMoreThan3Phis];
  features[kPhiArguments] += block.phi_arguments;
  if (block.phi_arguments > 5) {
    ++features[kBlocksWithMoreThan5PhiArguments];
  } else if (block.phi_arguments >= 1) {
    ++features[kBlocksWith1To5PhiArguments];
  }
}

void count_block(const llvm::BasicBlock& block, Counts& counts, Autophase& features) {
  BlockCounts block_counts;
  for (const Instruction& instruction : block) {
    ++block_counts.instructions;
    ++counts.opcodes[instruction.getOpcode()];
    count_instruction(instruction, block_counts, features);
  }
  count_edges(block, features);
  classify_block(block_counts, features);
}

// The features that are counts of opcodes.
void fill_from_counts(const Counts& counts, Autophase& features) {
  features[kAShr] = counts[Instruction::AShr];
  features[kAdd] = counts[Instruction::Add];
  features[kAlloca] = counts[Instruction::Alloca];
  features[kAnd] = counts[Instruction::And];
  features[kBitCast] = counts[Instruction::BitCast];
  features[kBr] = counts[Instruction::Br];
  features[kBranches] = counts[Instruction::Br];
  features[kCall] = counts[Instruction::Call];
  features[kGetElementPtr] = counts[Instruction::GetElementPtr];
  features[kICmp] = counts[Instruction::ICmp];
  features[kLShr] = counts[Instruction::LShr];
  features[kLoad] = counts[Instruction::Load];
  features[kMul] = counts[Instruction::Mul];
  features[kOr] = counts[Instruction::Or];
  features[kPhi] = counts[Instruction::PHI];
  features[kRet] = counts[Instruction::Ret];
  features[kSExt] = counts[Instruction::SExt];
  features[kSelect] = counts[Instruction::Select];
  features[kShl] = counts[Instruction::Shl];
  features[kStore] = counts[Instruction::Store];
  features[kSub] = counts[Instruction::Sub];
  features[kTrunc] = counts[Instruction::Trunc];
  features[kXor] = counts[Instruction::Xor];
  features[kZExt] = counts[Instruction::ZExt];
  features[kBlocks] = counts.blocks;
  features[kFunctions] = counts.functions;
  features[kInstructions] = counts.instructions();
  features[kMemoryInstructions] = counts[Instruction::GetElementPtr] + counts[Instruction::Load] +
                                  counts[Instruction::Store] + counts[Instruction::Call] +
                                  counts[Instruction::Invoke] + counts[Instruction::Alloca];
  // llvm::UnaryInstruction, which takes more for unary than one would think.
  std::int64_t unary = counts[Instruction::Alloca] + counts[Instruction::Load] +
                       counts[Instruction::FNeg] + counts[Instruction::VAArg] +
                       counts[Instruction::ExtractValue] + counts[Instruction::Freeze];
  for (unsigned cast = Instruction::Trunc; cast <= Instruction::AddrSpaceCast; ++cast) {
    unary += counts[cast];
  }
  features[kUnaryOperations] = unary;
}

}  // namespace

InstCount inst_count(const llvm::Module& module) {
  Counts counts;
  for (const llvm::Function& function : module) {
    ++counts.functions;
    for (const llvm::BasicBlock& block : function) {
      ++counts.blocks;
      for (const Instruction& instruction : block) {
        ++counts.opcodes[instruction.getOpcode()];
      }
    }
  }
  InstCount result{counts.instructions(), counts.blocks, counts.functions};
  for (std::size_t opcode = 1; opcode < kOpcodes; ++opcode) {
    result[opcode + 2] = counts.opcodes[opcode];
  }
  return result;
}

Autophase autophase(const llvm::Module& module) {
  Counts counts;
  Autophase features{};
  for (const llvm::Function& function : module) {
    ++counts.functions;
    for (const llvm::BasicBlock& block : function) {
      ++counts.blocks;
      count_block(block, counts, features);
    }
  }
  fill_from_counts(counts, features);
  return features;
}

}  // namespace compiler_gym

#include "sessions/llvm/ir/target_machines.h"

#include <gtest/gtest.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <optional>
#include <utility>

#include "sessions/llvm/ir/llvm_call.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

class TargetMachinesTest : public ::testing::Test {
 protected:
  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
};

TEST_F(TargetMachinesTest, LendsAReturnedMachineAgain) {
  const llvm::TargetMachine* first = machines_->borrow().get();
  EXPECT_EQ(machines_->borrow().get(), first);
  EXPECT_EQ(machines_->made(), 1U);
}

TEST_F(TargetMachinesTest, NeverLendsOneToTwo) {
  const TargetMachines::Lease first = machines_->borrow();
  const TargetMachines::Lease second = machines_->borrow();
  EXPECT_NE(first.get(), second.get());
  EXPECT_EQ(machines_->made(), 2U);
}

TEST_F(TargetMachinesTest, AnAbandonedMachineDoesNotComeBack) {
  std::unique_ptr<llvm::TargetMachine> abandoned;
  {
    TargetMachines::Lease lease = machines_->borrow();
    abandoned.reset(lease.get());
    const std::uint64_t leaked_before = crash_losses().leaked_bytes;
    lease.abandon();
    EXPECT_GE(crash_losses().leaked_bytes, leaked_before + (std::uint64_t{1} << 20));
  }
  EXPECT_NE(machines_->borrow().get(), abandoned.get());
  EXPECT_EQ(machines_->made(), 2U);
}

TEST_F(TargetMachinesTest, AreForModulesOfTheirTargetOnly) {
  const TargetMachines::Lease lease = machines_->borrow();
  const IrModule ours = parse_module(crc32_start_bitcode());
  const IrModule other = parse_module(assemble("target triple = \"aarch64-unknown-linux-gnu\""));
  const IrModule none = parse_module(assemble(""));
  EXPECT_EQ(lease.for_module(*ours), lease.get());
  EXPECT_EQ(lease.for_module(*other), nullptr);
  EXPECT_EQ(lease.for_module(*none), nullptr);
}

}  // namespace
}  // namespace compiler_gym

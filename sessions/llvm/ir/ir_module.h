// A module in memory, and the forms in which it leaves it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace llvm {
class Function;
class Module;
}  // namespace llvm

namespace compiler_gym {

/// An LLVM module with the LLVMContext it lives in, which is its alone: modules of different
/// IrModules can be worked on at the same time. Move-only, empty once moved from.
class IrModule {
 public:
  /// Errors: INVALID_ARGUMENT with LLVM's text if the bytes are not bitcode. The reader trusts more
  /// than it should, so parse what comes from a client inside call_llvm().
  [[nodiscard]] static Result<IrModule> parse(std::string_view bitcode);

  IrModule(IrModule&&) noexcept;
  IrModule& operator=(IrModule&&) noexcept;
  ~IrModule();

  [[nodiscard]] llvm::Module& operator*() const;
  [[nodiscard]] llvm::Module* operator->() const { return &**this; }

  /// The first error that LLVM has reported on this module since the last call, e.g. of the code
  /// generator on inline assembly; empty if none. Without IrModule it would have ended the process.
  [[nodiscard]] std::string take_reported_error();

  /// After a crash within: lets go of the module without destroying it.
  void abandon();

 private:
  struct State;
  /// Survives a crash, by leaking: LLVM recurses over constants there, and these can be deep.
  struct Destroy {
    void operator()(State* state) const;
  };
  explicit IrModule(std::unique_ptr<State, Destroy> state);
  std::unique_ptr<State, Destroy> state_;
};

/// DATA_LOSS `Failed to verify module: ...` if the module breaks a rule of the IR.
[[nodiscard]] grpc::Status verify(const llvm::Module& module);

/// The same, of these functions of a module alone.
[[nodiscard]] grpc::Status verify(std::span<llvm::Function* const> functions);

/// As `llvm-dis` prints it.
[[nodiscard]] std::string ir_text(const llvm::Module& module);

/// The order in which the uses of a value are listed, which later passes and the code generator may
/// heed: a module that was read in again has another one, unless the bitcode says what it was.
enum class UseListOrder {
  kLost,       ///< as CompilerGym, and `llvm-as`
  kPreserved,  ///< as `opt` and `clang -emit-llvm`
};

[[nodiscard]] std::string write_bitcode(const llvm::Module& module,
                                        UseListOrder order = UseListOrder::kLost);

/// SHA-1 of the module's bitcode, in hexadecimal: 40 characters. Equal actions on equal bitcode
/// give equal sums. It is cheaper than one of the text, by a factor of three.
[[nodiscard]] std::string ir_sha1(const llvm::Module& module);

}  // namespace compiler_gym

#include "sessions/llvm/ir/ir_module.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SHA1.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <stop_token>
#include <tuple>
#include <utility>

#include "sessions/llvm/ir/llvm_call.h"

namespace compiler_gym {
namespace {

// LLVM's name for "standard input", and what a module of this service is called.
constexpr const char* kModuleName = "-";

llvm::SmallVector<char, 0> bitcode_bytes(const llvm::Module& module,
                                         UseListOrder order = UseListOrder::kLost) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::WriteBitcodeToFile(module, stream, order == UseListOrder::kPreserved);
  return bytes;
}

// LLVM's reader looks for the names of partitions wherever damaged bitcode says that they are, beyond its end too: what
// it finds there is somebody else's. Those of good bitcode are in it as they are.
bool has_partitions_from_elsewhere(const llvm::Module& module, std::string_view bitcode) {
  return std::ranges::any_of(module.global_values(), [&](const llvm::GlobalValue& value) {
    const llvm::StringRef partition = value.getPartition();
    return bitcode.find(std::string_view(partition)) == std::string_view::npos;
  });
}

}  // namespace

struct IrModule::State {
  State() {
    // By default LLVM prints an error and calls exit().
    context.setDiagnosticHandlerCallBack(&State::on_diagnostic, this);
  }

  static void on_diagnostic(const llvm::DiagnosticInfo* diagnostic, void* state) {
    std::string& error = static_cast<State*>(state)->reported_error;
    if (diagnostic->getSeverity() == llvm::DS_Error && error.empty()) {
      llvm::raw_string_ostream stream(error);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      diagnostic->print(printer);
    }
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;  // after its context: it is destroyed first
  std::string reported_error;
};

void IrModule::Destroy::operator()(State* state) const {
  static_cast<void>(call_llvm("destroying a module", std::stop_token(), [state] { delete state; }));
}

IrModule::IrModule(std::unique_ptr<State, Destroy> state) : state_(std::move(state)) {}
IrModule::IrModule(IrModule&&) noexcept = default;
IrModule& IrModule::operator=(IrModule&&) noexcept = default;
IrModule::~IrModule() = default;

Result<IrModule> IrModule::parse(std::string_view bitcode) {
  std::unique_ptr<State, Destroy> state(new State());
  const llvm::StringRef bytes(bitcode.data(), bitcode.size());
  llvm::Expected<std::unique_ptr<llvm::Module>> module =
      llvm::parseBitcodeFile(llvm::MemoryBufferRef(bytes, kModuleName), state->context);
  if (!module) {
    return invalid_argument(llvm::toString(module.takeError()));
  }
  state->module = std::move(*module);
  if (has_partitions_from_elsewhere(*state->module, bitcode)) {
    return invalid_argument("Malformed bitcode: the name of a partition lies outside of it");
  }
  return IrModule(std::move(state));
}

llvm::Module& IrModule::operator*() const {
  return *state_->module;
}

std::string IrModule::take_reported_error() {
  return std::exchange(state_->reported_error, {});
}

void IrModule::abandon() {
  std::ignore = state_.release();
}

grpc::Status verify(const llvm::Module& module) {
  std::string errors;
  llvm::raw_string_ostream stream(errors);
  if (!llvm::verifyModule(module, &stream)) {
    return grpc::Status::OK;
  }
  return data_loss("Failed to verify module: " + errors);
}

grpc::Status verify(std::span<llvm::Function* const> functions) {
  std::string errors;
  llvm::raw_string_ostream stream(errors);
  bool broken = false;
  for (const llvm::Function* function : functions) {
    broken |= llvm::verifyFunction(*function, &stream);
  }
  return broken ? data_loss("Failed to verify module: " + errors) : grpc::Status::OK;
}

std::string ir_text(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, /*AAW=*/nullptr);
  return text;
}

std::string write_bitcode(const llvm::Module& module, UseListOrder order) {
  const llvm::SmallVector<char, 0> bytes = bitcode_bytes(module, order);
  return {bytes.data(), bytes.size()};
}

std::string ir_sha1(const llvm::Module& module) {
  const llvm::SmallVector<char, 0> bytes = bitcode_bytes(module);
  llvm::SHA1 sha1;
  sha1.update(llvm::StringRef(bytes.data(), bytes.size()));
  return llvm::toHex(sha1.final(), /*LowerCase=*/true);
}

}  // namespace compiler_gym

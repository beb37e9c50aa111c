#include "sessions/llvm/benchmarks/benchmark_loader.h"

#include <fmt/core.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/Module.h>

#include <charconv>
#include <optional>
#include <stop_token>
#include <utility>

#include "sessions/llvm/benchmarks/assembler_files.h"
#include "sessions/llvm/ir/code_generation_metadata.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"

namespace compiler_gym {
namespace {

void anonymise(llvm::Module& module) {
  module.setModuleIdentifier("-");
  module.setSourceFileName("-");
  erase_named_metadata(module);
}

// For instance `LLVM20.1.8`; empty if the bitcode does not say, or is none. What could not be parsed
// may crash this as well.
std::string producer_of(std::string_view bitcode) {
  std::string found;
  const LlvmCall call = call_llvm("reading what has written it", std::stop_token(), [&] {
    llvm::Expected<std::string> producer = llvm::getBitcodeProducerString(
        llvm::MemoryBufferRef(llvm::StringRef(bitcode.data(), bitcode.size()), "-"));
    if (producer) {
      found = *std::move(producer);
    } else {
      llvm::consumeError(producer.takeError());
    }
  });
  return call.returned() ? found : "";
}

bool is_machines_fault(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

// The same but for the patch level writes the same; vendors add to their versions.
bool is_newer_than_this_llvm(std::string_view producer) {
  constexpr std::string_view kBefore = "LLVM";
  int major = 0;
  if (producer.starts_with(kBefore)) {
    const std::string_view number = producer.substr(kBefore.size());
    std::from_chars(number.data(), number.data() + number.size(), major);
  }
  return major > LLVM_VERSION_MAJOR;
}

grpc::Status parsing_error(const std::string& benchmark_uri, std::string_view bitcode,
                           const std::string& reason) {
  std::string text = fmt::format("Failed to parse LLVM bitcode: \"{}\": {}", benchmark_uri, reason);
  if (const std::string producer = producer_of(bitcode); is_newer_than_this_llvm(producer)) {
    text += fmt::format(
        ". It was written by {}, and this service reads what LLVM {} and older have written: "
        "compile the program with clang-{}",
        producer, LLVM_VERSION_MAJOR, LLVM_VERSION_MAJOR);
  }
  return invalid_argument(text);
}

/// Loads one benchmark. Each call of LLVM goes through the door; after one that crashed the module is
/// let go of.
class Loader {
 public:
  Loader(std::string_view bitcode, const std::string& benchmark_uri, LoadOptions options)
      : bitcode_(bitcode), benchmark_uri_(benchmark_uri), options_(options) {}

  Result<LoadedProgram> load() {
    for (const auto step : {&Loader::parse, &Loader::make_anonymous, &Loader::write}) {
      if (grpc::Status status = (this->*step)(); !status.ok()) {
        return status;
      }
    }
    return std::move(program_);
  }

 private:
  grpc::Status parse() {
    std::string reason;
    grpc::Status survived = survive("parsing it", [&] {
      Result<IrModule> parsed = IrModule::parse(bitcode_);
      if (parsed) {
        program_.module.emplace(std::move(*parsed));
      } else {
        reason = parsed.error().error_message();
      }
    });
    // For want of memory too: damaged bitcode asks for any amount of it.
    if (!survived.ok()) {
      return parsing_error(benchmark_uri_, bitcode_, survived.error_message());
    }
    return program_.module.has_value() ? grpc::Status::OK
                                       : parsing_error(benchmark_uri_, bitcode_, reason);
  }

  grpc::Status make_anonymous() {
    grpc::Status verified;
    std::optional<std::string> directive;
    grpc::Status survived = survive("verifying it", [&] {
      llvm::Module& module = **program_.module;
      had_debug_info_ = llvm::StripDebugInfo(module);
      program_.code_generation_metadata = code_generation_metadata(module);
      anonymise(module);
      verified = verify(module);
      directive = find_assembler_file_directive(module);
    });
    if (!survived.ok()) {
      return unusable(survived);
    }
    if (verified.ok() && directive.has_value() && !options_.allow_assembler_files) {
      return invalid_argument("Benchmark \"" + benchmark_uri_ + "\" has the assembler directive " +
                              *directive +
                              ", which reads files of the machine that compiles it, or may do so: "
                              "refused without --allow_assembler_files");
    }
    return verified;
  }

  grpc::Status write() {
    if (!had_debug_info_ && producer_of(bitcode_) == "LLVM" LLVM_VERSION_STRING) {
      program_.bitcode = bitcode_;
      return grpc::Status::OK;
    }
    grpc::Status survived = survive("writing its bitcode",
                                    [&] { program_.bitcode = write_bitcode(**program_.module); });
    if (!survived.ok()) {
      return unusable(survived);
    }
    program_.module.reset();
    return grpc::Status::OK;
  }

  [[nodiscard]] grpc::Status unusable(const grpc::Status& crash) const {
    return is_machines_fault(crash)
               ? crash
               : invalid_argument("Benchmark \"" + benchmark_uri_ +
                                  "\" can't be used: " + crash.error_message());
  }

  template <typename Function>
  grpc::Status survive(std::string_view doing, Function&& function) {
    const LlvmCall call = call_llvm(doing, std::stop_token(), function);
    if (call.crashed()) {
      if (program_.module.has_value()) {
        program_.module->abandon();
      }
      count_leaked_bytes(bitcode_.size());
    }
    return call.status();
  }

  const std::string_view bitcode_;
  const std::string& benchmark_uri_;
  const LoadOptions options_;
  LoadedProgram program_;
  bool had_debug_info_ = false;
};

}  // namespace

Result<LoadedProgram> load_program(std::string_view bitcode, const std::string& benchmark_uri,
                                   LoadOptions options) {
  return Loader(bitcode, benchmark_uri, options).load();
}

Result<IrModule> parse_program(std::string_view bitcode) {
  Result<IrModule> module = IrModule::parse(bitcode);
  if (module) {
    anonymise(**module);
  }
  return module;
}

}  // namespace compiler_gym

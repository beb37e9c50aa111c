#include "bench/llvm/bench_modules.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Linker/Linker.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

// How many of programs are linked, going round: what makes 100 KB and 3 MB.
constexpr std::size_t kProgramsInMedium = 13;
constexpr std::size_t kProgramsInLarge = 384;

std::string bitcode_in(const std::string& path) {
  Result<std::string> bitcode = read_file(path);
  if (!bitcode) {
    throw std::runtime_error(bitcode.error().error_message());
  }
  return *std::move(bitcode);
}

std::string linked_programs(std::size_t count) {
  std::vector<std::string> programs;
  std::istringstream paths(COMPILER_GYM_BENCH_PROGRAMS);
  for (std::string path; std::getline(paths, path, ':');) {
    programs.push_back(bitcode_in(path));
  }
  for (std::size_t i = 0; programs.size() < count; ++i) {
    programs.push_back(programs[i]);
  }
  const Result<std::string> linked = link_programs(programs);
  if (!linked) {
    throw std::runtime_error(to_string(linked.error()));
  }
  return *linked;
}

// Names that are not seen outside of a module need no help: the linker makes them unique.
void rename_definitions(llvm::Module& module, const std::string& suffix) {
  for (llvm::GlobalValue& value : module.global_values()) {
    if (!value.isDeclaration() && !value.hasLocalLinkage()) {
      value.setName(value.getName() + suffix);
    }
  }
}

}  // namespace

std::string_view name_of(ModuleSize size) {
  switch (size) {
    case ModuleSize::kSmall:
      return "small";
    case ModuleSize::kMedium:
      return "medium";
    case ModuleSize::kLarge:
      return "large";
  }
  return "";
}

std::string bench_module(ModuleSize size) {
  switch (size) {
    case ModuleSize::kSmall:
      return bitcode_in(COMPILER_GYM_BENCH_CRC32);
    case ModuleSize::kMedium:
      return linked_programs(kProgramsInMedium);
    case ModuleSize::kLarge:
      return linked_programs(kProgramsInLarge);
  }
  return "";
}

Result<std::string> link_programs(std::span<const std::string> programs) {
  llvm::LLVMContext context;
  llvm::Module all("-", context);
  llvm::Linker linker(all);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    auto module = llvm::parseBitcodeFile(llvm::MemoryBufferRef(programs[i], "-"), context);
    if (!module) {
      return invalid_argument(llvm::toString(module.takeError()));
    }
    if (i > 0) {
      rename_definitions(**module, "." + std::to_string(i));
    }
    if (linker.linkInModule(std::move(*module))) {
      return invalid_argument("program " + std::to_string(i + 1) + " does not link");
    }
  }
  std::string bitcode;
  llvm::raw_string_ostream stream(bitcode);
  llvm::WriteBitcodeToFile(all, stream);
  return bitcode;
}

}  // namespace compiler_gym

#include "tests/llvm/test_modules.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "sessions/llvm/benchmark_loader.h"
#include "sessions/llvm/crash_recovery.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

std::string crc32_path() {
  return COMPILER_GYM_TEST_DATA "/crc32.bc";
}

const std::string& crc32_bitcode() {
  static const std::string bitcode = read_file(crc32_path());
  return bitcode;
}

const std::vector<TestModule>& test_modules() {
  static const std::vector<TestModule> modules = [] {
    std::vector<TestModule> found;
    std::istringstream paths(COMPILER_GYM_TEST_MODULES);
    for (std::string path; std::getline(paths, path, ':');) {
      const std::size_t name = path.rfind('/') + 1;
      found.push_back({path.substr(name, path.rfind('.') - name), path});
    }
    return found;
  }();
  return modules;
}

const std::vector<StartBitcode>& start_bitcodes() {
  static const std::vector<StartBitcode> bitcodes = [] {
    enable_crash_recovery();
    std::vector<StartBitcode> normalised{
        {"crc32", value_of(normalise_bitcode(crc32_bitcode(), "crc32"))}};
    for (const TestModule& module : test_modules()) {
      normalised.push_back(
          {module.name, value_of(normalise_bitcode(read_file(module.path), module.name))});
    }
    return normalised;
  }();
  return bitcodes;
}

const std::string& start_bitcode(std::string_view name) {
  for (const StartBitcode& start : start_bitcodes()) {
    if (start.name == name) {
      return start.bitcode;
    }
  }
  throw std::runtime_error("no test module " + std::string(name));
}

const std::string& crc32_start_bitcode() {
  return start_bitcode("crc32");
}

IrModule parse_module(std::string_view bitcode) {
  return value_of(IrModule::parse(bitcode));
}

std::string assemble(const std::string& ir) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(ir, diagnostic, context);
  if (module == nullptr) {
    ADD_FAILURE() << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
    return "";
  }
  return write_bitcode(*module);
}

}  // namespace compiler_gym

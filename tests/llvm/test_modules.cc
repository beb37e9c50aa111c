#include "tests/llvm/test_modules.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>

#include "sessions/llvm/benchmarks/benchmark_loader.h"
#include "sessions/llvm/ir/crash_recovery.h"
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

const std::vector<std::string>& module_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found{"crc32"};
    std::istringstream others(COMPILER_GYM_TEST_MODULE_NAMES);
    found.insert(found.end(), std::istream_iterator<std::string>(others), {});
    return found;
  }();
  return names;
}

const std::string& start_bitcode(const std::string& name) {
  static std::map<std::string, std::string> read;
  if (const auto found = read.find(name); found != read.end()) {
    return found->second;
  }
  enable_crash_recovery();
  const std::string bitcode =
      name == "crc32" ? crc32_bitcode()
                      : read_file(std::string(COMPILER_GYM_TEST_MODULES) + "/" + name + ".bc");
  return read[name] = start_bitcode_of(bitcode);
}

std::string start_bitcode_of(std::string_view bitcode) {
  LoadedProgram program = value_of(load_program(bitcode, "test"));
  return write_bitcode(program.module.has_value() ? **program.module
                                                  : *value_of(parse_program(program.bitcode)));
}

std::vector<StartBitcode> start_bitcodes() {
  std::vector<StartBitcode> bitcodes;
  for (const std::string& name : module_names()) {
    bitcodes.push_back({name, start_bitcode(name)});
  }
  return bitcodes;
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

std::string bitcode_with_debug_info() {
  return assemble(R"(
    define void @f() !dbg !4 {
      ret void, !dbg !7
    }
    !llvm.dbg.cu = !{!0}
    !llvm.module.flags = !{!2, !3}
    !0 = distinct !DICompileUnit(language: DW_LANG_C99, file: !1, emissionKind: FullDebug)
    !1 = !DIFile(filename: "secret.c", directory: "/home/someone")
    !2 = !{i32 2, !"Debug Info Version", i32 3}
    !3 = !{i32 1, !"wchar_size", i32 4}
    !4 = distinct !DISubprogram(name: "f", file: !1, line: 1, type: !5, spFlags: DISPFlagDefinition, unit: !0)
    !5 = !DISubroutineType(types: !6)
    !6 = !{null}
    !7 = !DILocation(line: 2, column: 3, scope: !4)
  )");
}

}  // namespace compiler_gym

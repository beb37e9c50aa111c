// Modules for the tests of this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sessions/llvm/ir_module.h"

namespace compiler_gym {

/// A file's bytes. Throws std::runtime_error, with the path, if it can't be read.
[[nodiscard]] std::string read_file(const std::string& path);

/// CompilerGym's benchmark://cbench-v1/crc32, written by LLVM 10: unoptimised, 242 instructions.
[[nodiscard]] std::string crc32_path();
[[nodiscard]] const std::string& crc32_bitcode();

/// One of the modules that the build makes: a program of tests/llvm/programs, compiled but not
/// optimised, or what llvm-stress generates from a seed.
struct TestModule {
  std::string name;  ///< e.g. `sorting` or `stress_3`; fit for the name of a test
  std::string path;
};
[[nodiscard]] const std::vector<TestModule>& test_modules();

/// crc32 and all test_modules(), normalised: what sessions on them start from.
struct StartBitcode {
  std::string name;
  std::string bitcode;
};
[[nodiscard]] const std::vector<StartBitcode>& start_bitcodes();
[[nodiscard]] const std::string& start_bitcode(std::string_view name);
[[nodiscard]] const std::string& crc32_start_bitcode();

/// Parses what is known to be fine.
[[nodiscard]] IrModule parse_module(std::string_view bitcode);
/// Parses assembly, and fails the test with LLVM's message if it is wrong.
[[nodiscard]] std::string assemble(const std::string& ir);

}  // namespace compiler_gym

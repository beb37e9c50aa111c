// Modules for the tests of this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sessions/llvm/ir/ir_module.h"

namespace compiler_gym {

/// A file's bytes. Throws std::runtime_error, with the path, if it can't be read.
[[nodiscard]] std::string read_file(const std::string& path);

/// CompilerGym's benchmark://cbench-v1/crc32, written by LLVM 10: unoptimised, 242 instructions.
[[nodiscard]] std::string crc32_path();
[[nodiscard]] const std::string& crc32_bitcode();

/// The names of crc32 and of the modules that the build makes:
///   sorting, ...    programs of tests/llvm/programs, compiled but not optimised
///   demo_sort, ...  programs of programs, likewise
///   stress_1, ...   what llvm-stress generates from a seed
///   csmith_1, ...   what csmith does, where it is installed
/// Fit for names of tests; those come without any module being read.
[[nodiscard]] const std::vector<std::string>& module_names();

/// What sessions on a program start from.
[[nodiscard]] std::string start_bitcode_of(std::string_view bitcode);

/// The same by a module's name. Read when first asked for.
[[nodiscard]] const std::string& start_bitcode(const std::string& name);
[[nodiscard]] const std::string& crc32_start_bitcode();

/// All of them.
struct StartBitcode {
  std::string name;
  std::string bitcode;
};
[[nodiscard]] std::vector<StartBitcode> start_bitcodes();

/// A function with debug information, which names its file: secret.c. With flags of the module besides.
[[nodiscard]] std::string bitcode_with_debug_info();

/// Parses what is known to be fine.
[[nodiscard]] IrModule parse_module(std::string_view bitcode);
/// Parses assembly, and fails the test with LLVM's message if it is wrong.
[[nodiscard]] std::string assemble(const std::string& ir);

}  // namespace compiler_gym

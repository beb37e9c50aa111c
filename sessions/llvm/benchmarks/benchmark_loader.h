// From what a client calls a program to the bitcode that sessions start from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/ir/ir_module.h"

namespace compiler_gym {

/// A benchmark's program, ready for sessions.
struct LoadedProgram {
  std::string bitcode;             ///< for parse_program()
  std::optional<IrModule> module;  ///< what that gives, if it is there already
  /// What is not in that module and code generation depends on: code_generation_metadata().
  std::string code_generation_metadata{};
};

struct LoadOptions {
  /// Takes programs with assembler code that reads files of this machine when it is compiled.
  bool allow_assembler_files = false;
};

/// Finds out whether bitcode is fit for sessions, and takes debug information out of it. Bitcode
/// that has some, or was written by another version of LLVM, is written anew, so that what that
/// costs is not paid by every session; other bitcode stays as it is, and its module, which had to be
/// parsed anyway, is the first session's. Survives bitcode on which LLVM crashes.
///
/// Errors: INVALID_ARGUMENT `Failed to parse LLVM bitcode: "<benchmark URI>": ...`, with LLVM's
///         reason, and naming the benchmark if LLVM crashes on it or its assembler code reads files;
///         DATA_LOSS `Failed to verify module: ...`; RESOURCE_EXHAUSTED if there is no memory left for what
///         could be parsed.
[[nodiscard]] Result<LoadedProgram> load_program(std::string_view bitcode,
                                                 const std::string& benchmark_uri,
                                                 LoadOptions options = {});

/// Parses the bitcode of a LoadedProgram, and takes from the module what tells where it came from:
/// module identifier and source file become `-`, and all named metadata goes, so that a learning
/// program can't tell benchmarks by their names. Errors: those of IrModule::parse().
[[nodiscard]] Result<IrModule> parse_program(std::string_view bitcode);

}  // namespace compiler_gym

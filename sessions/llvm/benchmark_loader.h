// From what a client calls a program to the bitcode that sessions start from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "context/benchmark_roots.h"
#include "core/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/ir_module.h"

namespace compiler_gym {

/// The path that a program's URI names: what comes after `file:///`, so that an absolute path makes
/// for four slashes in a row.
/// Errors: INVALID_ARGUMENT if the URI is of another scheme.
[[nodiscard]] Result<std::string> path_from_file_uri(const std::string& uri);

/// Reads a regular file.
/// Errors: NOT_FOUND `File not found: "..."`; INVALID_ARGUMENT `File is empty: "..."` or `Error
/// reading file: "..."`. Clients look for these texts.
[[nodiscard]] Result<std::string> read_program_file(const std::string& path);

/// The same for a path that a client names. What counts is where its symbolic links lead when it is
/// opened.
/// Errors: also INVALID_ARGUMENT `File is outside of the benchmark roots ...`, whether or not there
///         is such a file.
[[nodiscard]] Result<std::string> read_program_file(const std::string& path,
                                                    const BenchmarkRoots& roots);

/// A benchmark's program, ready for sessions.
struct LoadedProgram {
  std::string bitcode;             ///< for parse_program()
  std::optional<IrModule> module;  ///< what that gives, if it is there already
};

/// Finds out whether bitcode is fit for sessions, and takes debug information out of it. Bitcode
/// that has some, or was written by another version of LLVM, is written anew, so that what that
/// costs is not paid by every session; other bitcode stays as it is, and its module, which had to be
/// parsed anyway, is the first session's. Survives bitcode on which LLVM crashes.
///
/// Errors: INVALID_ARGUMENT `Failed to parse LLVM bitcode: "<benchmark URI>"`; DATA_LOSS `Failed to
///         verify module: ...`.
[[nodiscard]] Result<LoadedProgram> load_program(std::string_view bitcode,
                                                 const std::string& benchmark_uri);

/// Parses the bitcode of a LoadedProgram, and takes from the module what tells where it came from:
/// module identifier and source file become `-`, and all named metadata goes, so that a learning
/// program can't tell benchmarks by their names. Errors: those of IrModule::parse().
[[nodiscard]] Result<IrModule> parse_program(std::string_view bitcode);

}  // namespace compiler_gym

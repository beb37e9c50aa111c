// From what a client calls a program to the bitcode that sessions start from.
#pragma once

#include <string>
#include <string_view>

#include "context/benchmark_roots.h"
#include "core/status.h"
#include "proto/compiler_gym_service.pb.h"

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

/// Parses a benchmark's bitcode, takes from it what tells where it came from, and writes it again:
/// module identifier and source file become `-`; debug information and all named metadata go, so
/// that a learning program can't tell benchmarks by their names. Older versions' bitcode is
/// upgraded by the way. Survives bitcode on which LLVM crashes.
///
/// Errors: INVALID_ARGUMENT `Failed to parse LLVM bitcode: "<benchmark URI>"`; DATA_LOSS `Failed to
///         verify module: ...`.
[[nodiscard]] Result<std::string> normalise_bitcode(std::string_view bitcode,
                                                    const std::string& benchmark_uri);

}  // namespace compiler_gym

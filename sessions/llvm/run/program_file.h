// The files that benchmarks name.
#pragma once

#include <cstddef>
#include <string>

#include "context/benchmark_roots.h"
#include "core/support/status.h"

namespace compiler_gym {

/// The path that a program's URI names: what comes after `file:///`, so that an absolute path makes
/// for four slashes in a row.
/// Errors: INVALID_ARGUMENT if the URI is of another scheme, or its path is relative: to what, the client
///         can't know.
[[nodiscard]] Result<std::string> path_from_file_uri(const std::string& uri);

/// What a regular file begins with, no more than `max_bytes`. Waits for nobody: a pipe is none.
/// Errors: NOT_FOUND `File not found: "..."`; INVALID_ARGUMENT `Error reading file: "..."`;
///         RESOURCE_EXHAUSTED if the machine is short of something.
[[nodiscard]] Result<std::string> read_regular_file(const std::string& path, std::size_t max_bytes);

/// The whole of one that has a program.
/// Errors: NOT_FOUND `File not found: "..."`; INVALID_ARGUMENT `File is empty: "..."` or `Error
/// reading file: "..."`. Clients look for these texts.
[[nodiscard]] Result<std::string> read_program_file(const std::string& path);

/// The same for a path that a client names. What counts is where its symbolic links lead when it is
/// opened.
/// Errors: also INVALID_ARGUMENT `File is outside of the benchmark roots ...`, whether or not there
///         is such a file.
[[nodiscard]] Result<std::string> read_program_file(const std::string& path,
                                                    const BenchmarkRoots& roots);

}  // namespace compiler_gym

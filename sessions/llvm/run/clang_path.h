// Finds the compiler that benchmarks are built with.
#pragma once

#include <boost/filesystem/path.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// Where a clang may be, best first: `$COMPILER_GYM_SITE_DATA/llvm-v0/bin/clang`, where clients
/// install one, and the clang that belongs to the LLVM this was built with.
[[nodiscard]] std::vector<boost::filesystem::path> clang_candidates();

/// The first of several candidates that can be run and can read our bitcode, which a clang older
/// than this LLVM can't: what clients of CompilerGym 0.2.5 install is of version 10.
/// Threads: every member may be called from any thread.
class ClangPath {
 public:
  explicit ClangPath(std::vector<boost::filesystem::path> candidates = clang_candidates());

  /// The first call asks the candidates for their version, and the others wait for it.
  /// Errors: FAILED_PRECONDITION naming each candidate and what is wrong with it; RESOURCE_EXHAUSTED if they
  ///         can't be asked now for want of a process or a descriptor.
  [[nodiscard]] Result<std::string> get();

 private:
  const std::vector<boost::filesystem::path> candidates_;
  std::mutex mutex_;
  std::string found_;
};

}  // namespace compiler_gym

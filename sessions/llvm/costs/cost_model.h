// What a program costs, in the three ways clients are rewarded for.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace llvm {
class Module;
}

namespace compiler_gym {

class ClangPath;
class CommandHost;
class TargetMachines;
struct LlvmCall;

enum class Cost {
  kIrInstructionCount,
  kObjectTextSize,  ///< bytes of code and constants in the object file
  kTextSize,        ///< the same in what the benchmark's build command links
};

/// Computes costs. A benchmark with a build command has its sizes measured of what that makes, each
/// time in a new directory; one without has both sizes measured of the object code LLVM generates.
/// Threads:  every member may be called from any thread, on different modules at a time.
/// Lifetime: refers to what it is constructed with.
class CostModel {
 public:
  /// Directories for builds are made in what `scratch_parent` returns at the time. `command_host` may
  /// be null, see CommandSetting.
  CostModel(TargetMachines& machines, ClangPath& clang,
            std::function<boost::filesystem::path()> scratch_parent,
            const CommandHost* command_host = nullptr);

  /// `reading`, if wanted, is how the call that reads the module ends: after one that crashes the
  /// module must not be destroyed.
  /// Errors: those of size(); DATA_LOSS if LLVM crashes on the module, RESOURCE_EXHAUSTED if that is
  ///         for want of memory.
  [[nodiscard]] Result<std::int64_t> compute(Cost cost, const llvm::Module& module,
                                             const BenchmarkDynamicConfig& config,
                                             const std::stop_token& stop_token,
                                             LlvmCall* reading = nullptr) const;

  /// One of the two sizes, of a module by its bitcode.
  /// Errors: INVALID_ARGUMENT `Failed to compute .text size cost: ...` if the program or the command
  ///         that builds it is at fault; clients look for this text. RESOURCE_EXHAUSTED and
  ///         UNAVAILABLE if the machine is; CANCELLED.
  [[nodiscard]] Result<std::int64_t> size(Cost cost, const std::string& bitcode,
                                          const BenchmarkDynamicConfig& config,
                                          const std::stop_token& stop_token) const;

  [[nodiscard]] TargetMachines& machines() const { return machines_; }

 private:
  [[nodiscard]] Result<std::int64_t> built_text_size(const Command& build_command,
                                                     const std::string& bitcode,
                                                     const std::stop_token& stop_token) const;

  TargetMachines& machines_;
  ClangPath& clang_;
  const std::function<boost::filesystem::path()> scratch_parent_;
  const CommandHost* const command_host_;
};

}  // namespace compiler_gym

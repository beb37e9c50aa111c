// What a program costs, in the ways clients are rewarded for.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/ir/ir_module.h"

namespace llvm {
class Module;
}

namespace compiler_gym {

class ClangPath;
class CommandHost;
class StoredBaselines;
class TargetMachines;
struct LlvmCall;

enum class Cost {
  kIrInstructionCount,
  kObjectTextSize,   ///< bytes of code and constants in the object file
  kTextSize,         ///< the same in what the benchmark's build command links
  kShippedTextSize,  ///< as kObjectTextSize, by clang's code generator of -O2, -Os and -Oz
};

/// What a size depends on besides the module.
struct ProgramFacts {
  const BenchmarkDynamicConfig& config;
  std::string_view code_generation_metadata;
};

/// How a module is written out to have its size measured.
[[nodiscard]] UseListOrder use_list_order_for(Cost cost);

/// Computes costs. A benchmark with a build command has its sizes measured of what that makes, each
/// time in a new directory; one without has both sizes measured of the object code LLVM generates. The
/// shipped size is always measured of the latter.
/// Threads:  every member may be called from any thread, on different modules at a time.
/// Lifetime: refers to what it is constructed with.
class CostModel {
 public:
  /// Directories for builds are made in what `scratch_parent` returns at the time. `command_host` may
  /// be null, see CommandSetting.
  CostModel(TargetMachines& machines, TargetMachines& optimising_machines, ClangPath& clang,
            std::function<boost::filesystem::path()> scratch_parent,
            const CommandHost* command_host = nullptr);

  /// `reading`, if wanted, is how the call that reads the module ends: after one that crashes the
  /// module must not be destroyed.
  /// Errors: those of size(); DATA_LOSS if LLVM crashes on the module, RESOURCE_EXHAUSTED if that is
  ///         for want of memory.
  [[nodiscard]] Result<std::int64_t> compute(Cost cost, const llvm::Module& module,
                                             const ProgramFacts& program,
                                             const std::stop_token& stop_token,
                                             LlvmCall* reading = nullptr) const;

  /// One of the sizes, of a module by its bitcode, written as use_list_order_for() says.
  /// Errors: INVALID_ARGUMENT `Failed to compute .text size cost: ...` if the program or the command
  ///         that builds it is at fault; clients look for this text. RESOURCE_EXHAUSTED and
  ///         UNAVAILABLE if the machine is; CANCELLED.
  [[nodiscard]] Result<std::int64_t> size(Cost cost, const std::string& bitcode,
                                          const ProgramFacts& program,
                                          const std::stop_token& stop_token) const;

  /// Where baselines are kept; null: nowhere. Must outlive this object.
  void set_stored_baselines(const StoredBaselines* stored) { stored_baselines_ = stored; }
  [[nodiscard]] const StoredBaselines* stored_baselines() const { return stored_baselines_; }

  [[nodiscard]] TargetMachines& machines() const { return machines_; }
  [[nodiscard]] TargetMachines& optimising_machines() const { return optimising_machines_; }

 private:
  [[nodiscard]] Result<std::int64_t> built_text_size(const Command& build_command,
                                                     const std::string& bitcode,
                                                     const std::stop_token& stop_token) const;

  TargetMachines& machines_;
  TargetMachines& optimising_machines_;
  ClangPath& clang_;
  const std::function<boost::filesystem::path()> scratch_parent_;
  const CommandHost* const command_host_;
  const StoredBaselines* stored_baselines_ = nullptr;
};

}  // namespace compiler_gym

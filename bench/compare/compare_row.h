// What is compared, row by row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/support/status.h"
#include "tools/load/load_result.h"

namespace compiler_gym {

/// What the clients do.
enum class Work {
  kVersion,               ///< `version`: GetVersion
  kStep,                  ///< `step`: Step of the example compiler, one action that does nothing
  kStart,                 ///< `start`: StartSession of it, and EndSession of the session before
  kFork,                  ///< `fork`: ForkSession of it, and EndSession of the parent
  kLlvmStep,              ///< `llvm-step`: Step on the demo programs, an action and its object size
  kLlvmStart,             ///< `llvm-start`: as `start`, on the demo programs
  kLlvmFork,              ///< `llvm-fork`: as `fork`, on the demo programs
  kLlvmStepBesideStarts,  ///< `llvm-step-beside-starts`: while others start sessions on 3 MB modules
  // Beside CompilerGym's own service; see set_peer_load().
  kPeerStepSmall,  ///< `peer-step-small`: Step on a small program, an action and IrInstructionCount
  kPeerStepMedium,  ///< `peer-step-medium`: Step on one of 100 KB, an action and Autophase
  kPeerStepOpen,    ///< `peer-step-open`: the same, of any of 2,000 sessions
  kPeerObserve,     ///< `peer-observe`: Step without an action, IrInstructionCount
  kPeerStartWarm,   ///< `peer-start-warm`: as `start`, on the program of 100 KB
  kPeerStartCold,  ///< `peer-start-cold`: the same, each on a program that the service does not know
  kPeerFork,       ///< `peer-fork`: as `fork`, of sessions after 20 actions
  kPeerVersion,    ///< `peer-version`: GetVersion
  kPeerServiceStart,  ///< `peer-service-start`: a service's process, up to its first answer
};

enum class Transport { kTcp, kUnix, kInProcess };

[[nodiscard]] std::string_view to_string(Work work);
[[nodiscard]] std::string_view to_string(Transport transport);

struct CompareRow {
  Work work = Work::kVersion;
  Transport transport = Transport::kTcp;
  /// Operations under way at one time.
  int in_flight = 1;

  /// `step/unix/64`.
  [[nodiscard]] std::string name() const;
  /// `example` or `llvm`.
  [[nodiscard]] std::string_view compiler() const;
  /// Whether one of its servers is `peer`, which is none of this project's.
  [[nodiscard]] bool has_peer() const;
  /// Whose latencies are reported.
  [[nodiscard]] Rpc rpc() const;
  /// The servers that are compared, by their names (see ServerFleet), a baseline first.
  [[nodiscard]] std::vector<std::string> servers() const;
  /// Whether it is among the rows that are run when nobody asks for others.
  [[nodiscard]] bool by_default() const;
};

/// In the order in which they are run and shown. Without LLVM, those of the example compiler.
[[nodiscard]] std::vector<CompareRow> all_rows();

/// Those beside CompilerGym's own service, which are not among all_rows(). Without LLVM, none.
[[nodiscard]] std::vector<CompareRow> peer_rows();

/// The default ones of the rows; or all; or those whose name a regular expression (ECMAScript) is found
/// in.
/// Errors: INVALID_ARGUMENT if it is none, or if no row is left.
[[nodiscard]] Result<std::vector<CompareRow>> select_rows(std::vector<CompareRow> rows, bool all,
                                                          const std::string& only);

}  // namespace compiler_gym

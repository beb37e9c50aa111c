// CompilerGym's own LLVM service, and what is asked of it and of ours alike.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>

#include "bench/compare/compare_row.h"
#include "client/managed_service.h"
#include "core/support/status.h"
#include "tools/load/load_options.h"

namespace compiler_gym {

/// What bench/peer/install puts into its directory.
struct PeerFiles {
  boost::filesystem::path service;  ///< CompilerGym's binary
  boost::filesystem::path tools;    ///< its "site data": the tools of LLVM that it calls
  boost::filesystem::path small_program;
  boost::filesystem::path medium_program;
};

/// Errors: NOT_FOUND that names what is missing, and how it is put there.
[[nodiscard]] Result<PeerFiles> find_peer(const boost::filesystem::path& directory);

/// How the peer is started.
[[nodiscard]] ManagedServiceOptions peer_options(const PeerFiles& peer);

/// Sets what the sessions of a row with has_peer() are on and do, the same on every server:
///
///   small    crc32 in episodes of 45 random actions, with IrInstructionCount
///   medium   the nine programs, four of them twice, linked; in such episodes, with Autophase
///   open     medium with 2,000 sessions, one of which is drawn for each step
///   observe  small without an action, so that the answer is known
///   fork     medium; each session has made 20 steps
///   start    medium; cold: under a URI of its own, sent with StartSession
///
/// On medium `-attributor` is never drawn: that of LLVM 19 does far more than that of LLVM 10.
/// Steps are so many as the peer makes in about `duration`, the rest lasts so long: the further
/// a session has come, the less its steps cost, and a faster server would be measured on cheaper ones.
void set_peer_load(const CompareRow& row, const PeerFiles& peer, std::chrono::milliseconds duration,
                   LoadOptions& load);

}  // namespace compiler_gym

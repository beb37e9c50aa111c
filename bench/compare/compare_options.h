// What is to be compared, and the command line that says so.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare/compare_row.h"
#include "bench/compare/peer_load.h"
#include "core/support/status.h"

namespace compiler_gym {

struct CompareOptions {
  std::vector<CompareRow> rows;
  /// Times that every row is measured on every server.
  int rounds = 7;
  /// Of each measurement. Those with LLVM do as many steps as take about so long, so that all servers
  /// do the same.
  std::chrono::milliseconds duration{1'000};
  /// Of each measurement, instead of a time: how many operations, without load before.
  std::optional<std::uint64_t> operations{};
  /// Of each call.
  std::chrono::milliseconds timeout = std::chrono::seconds(300);
  /// The server that the others are divided by.
  std::string baseline = "sync";
  /// Where the services' binaries are.
  boost::filesystem::path binaries;
  /// Bitcode, for the rows with LLVM.
  std::vector<boost::filesystem::path> programs;
  /// CompilerGym's own service, for the rows that it is measured in.
  std::optional<PeerFiles> peer{};
};

struct CompareCommand {
  CompareOptions compare;
  /// Where the table, the JSON and the plots are written, under which name; nowhere if empty.
  boost::filesystem::path results;
  std::string results_name = "compare";
  /// Not to run, but to print this text.
  std::string print;
};

/// `own_directory` is the tool's, beside which the others lie.
/// Errors: INVALID_ARGUMENT that names the flag, the value and what is allowed; NOT_FOUND if a row needs
///         programs that were not built, or a peer that was not installed.
[[nodiscard]] Result<CompareCommand> parse_compare_command(
    int argc, const char* const* argv, const boost::filesystem::path& own_directory);

}  // namespace compiler_gym

#include "bench/compare/compare_row.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <regex>

namespace compiler_gym {
namespace {

#ifdef COMPILER_GYM_COMPARE_HAS_LLVM
constexpr bool kHasLlvm = true;
#else
constexpr bool kHasLlvm = false;
#endif

constexpr std::array kExampleWork{Work::kVersion, Work::kStep, Work::kStart, Work::kFork};
constexpr std::array kLlvmWork{Work::kLlvmStep, Work::kLlvmStart, Work::kLlvmFork};
constexpr std::array kTransports{Transport::kTcp, Transport::kUnix, Transport::kInProcess};
constexpr std::array kInFlight{1, 8, 64, 512};

void add_rows(const auto& works, std::vector<CompareRow>& rows) {
  for (const Work work : works) {
    for (const Transport transport : kTransports) {
      for (const int in_flight : kInFlight) {
        rows.push_back({.work = work, .transport = transport, .in_flight = in_flight});
      }
    }
  }
}

}  // namespace

std::string_view to_string(Work work) {
  static constexpr std::array<std::string_view, 17> kNames{"version",
                                                           "step",
                                                           "start",
                                                           "fork",
                                                           "llvm-step",
                                                           "llvm-start",
                                                           "llvm-fork",
                                                           "llvm-step-beside-starts",
                                                           "peer-step-small",
                                                           "peer-step-medium",
                                                           "peer-step-open",
                                                           "peer-observe",
                                                           "peer-start-warm",
                                                           "peer-start-cold",
                                                           "peer-fork",
                                                           "peer-version",
                                                           "peer-service-start"};
  return kNames[static_cast<std::size_t>(work)];
}

std::string_view to_string(Transport transport) {
  static constexpr std::array<std::string_view, 3> kNames{"tcp", "unix", "in-process"};
  return kNames[static_cast<std::size_t>(transport)];
}

std::string CompareRow::name() const {
  return fmt::format("{}/{}/{}", to_string(work), to_string(transport), in_flight);
}

std::string_view CompareRow::compiler() const {
  return has_peer() || to_string(work).starts_with("llvm") ? "llvm" : "example";
}

bool CompareRow::has_peer() const {
  return to_string(work).starts_with("peer");
}

Rpc CompareRow::rpc() const {
  switch (work) {
    case Work::kVersion:
    case Work::kPeerVersion:
    case Work::kPeerServiceStart:
      return Rpc::kGetVersion;
    case Work::kStart:
    case Work::kLlvmStart:
    case Work::kPeerStartWarm:
    case Work::kPeerStartCold:
      return Rpc::kStartSession;
    case Work::kFork:
    case Work::kLlvmFork:
    case Work::kPeerFork:
      return Rpc::kForkSession;
    case Work::kStep:
    case Work::kLlvmStep:
    case Work::kLlvmStepBesideStarts:
    case Work::kPeerStepSmall:
    case Work::kPeerStepMedium:
    case Work::kPeerStepOpen:
    case Work::kPeerObserve:
      break;
  }
  return Rpc::kStep;
}

std::vector<std::string> CompareRow::servers() const {
  if (has_peer()) {
    return {"peer", "ours", "ours-inline"};
  }
  if (compiler() == "example") {
    return {"sync", "bare", "ours"};
  }
  if (transport == Transport::kInProcess) {
    return {"sync", "bare", "ours-inline"};
  }
  if (work == Work::kLlvmStepBesideStarts) {
    return {"sync", "sync-apart", "ours", "ours-inline"};
  }
  return {"sync", "bare", "ours", "ours-inline"};
}

bool CompareRow::by_default() const {
  const bool tcp = transport == Transport::kTcp;
  switch (work) {
    case Work::kVersion:
      return tcp && (in_flight == 1 || in_flight == 64);
    case Work::kStep:
      return tcp || in_flight == 1 || in_flight == 64;
    case Work::kStart:
    case Work::kFork:
      return tcp && in_flight == 8;
    case Work::kLlvmStep:
      return tcp && in_flight == 64;
    case Work::kLlvmStart:
    case Work::kLlvmFork:
      return false;
    case Work::kLlvmStepBesideStarts:
      return true;
    default:
      return has_peer();
  }
}

std::vector<CompareRow> all_rows() {
  std::vector<CompareRow> rows;
  add_rows(kExampleWork, rows);
  if (kHasLlvm) {
    add_rows(kLlvmWork, rows);
    rows.push_back(
        {.work = Work::kLlvmStepBesideStarts, .transport = Transport::kTcp, .in_flight = 8});
  }
  return rows;
}

std::vector<CompareRow> peer_rows() {
  std::vector<CompareRow> rows;
  const auto add = [&rows](Work work, std::initializer_list<int> in_flight) {
    for (const int count : in_flight) {
      rows.push_back({.work = work, .transport = Transport::kTcp, .in_flight = count});
    }
  };
  if (kHasLlvm) {
    add(Work::kPeerStepSmall, {1, 8, 64});
    add(Work::kPeerStepMedium, {8, 64});
    add(Work::kPeerStepOpen, {64});
    add(Work::kPeerObserve, {64});
    add(Work::kPeerFork, {1, 8});
    add(Work::kPeerStartWarm, {1, 8});
    add(Work::kPeerStartCold, {1, 8});
    add(Work::kPeerServiceStart, {1});
    add(Work::kPeerVersion, {1, 64});
  }
  return rows;
}

Result<std::vector<CompareRow>> select_rows(std::vector<CompareRow> rows, bool all,
                                            const std::string& only) {
  try {
    const std::regex pattern(only);
    std::erase_if(rows, [&](const CompareRow& row) {
      return only.empty() ? !all && !row.by_default() : !std::regex_search(row.name(), pattern);
    });
  } catch (const std::regex_error& error) {
    return invalid_argument("'" + only + "' is not a regular expression: " + error.what());
  }
  if (rows.empty()) {
    return invalid_argument("'" + only + "' is found in no row's name");
  }
  return rows;
}

}  // namespace compiler_gym

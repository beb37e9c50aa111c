#include "bench/compare/peer_load.h"

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <cstdint>

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;

constexpr int kEpisode = 45;
constexpr int kOpenSessions = 2'000;
constexpr int kStepsBeforeFork = 20;

// About what the peer does on two processors.
constexpr int kSmallStepsPerSecond = 3'000;
constexpr int kMediumStepsPerSecond = 450;

void set_number_of_steps(int per_second, std::chrono::milliseconds duration, LoadOptions& load) {
  const double seconds = std::chrono::duration<double>(duration).count();
  load.operations = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(per_second * seconds));
  load.duration = 20 * duration;
  load.warmup = 0ns;
}

void use_small(const PeerFiles& peer, LoadOptions& load) {
  load.benchmark_files = {peer.small_program};
  load.observation_spaces = {"IrInstructionCount"};
  load.episode = kEpisode;
}

void use_medium(const PeerFiles& peer, LoadOptions& load) {
  load.benchmark_files = {peer.medium_program};
  load.avoided_actions = {"-attributor"};
}

void step_medium(const PeerFiles& peer, std::chrono::milliseconds duration, LoadOptions& load) {
  use_medium(peer, load);
  load.observation_spaces = {"Autophase"};
  load.episode = kEpisode;
  set_number_of_steps(kMediumStepsPerSecond, duration, load);
}

}  // namespace

Result<PeerFiles> find_peer(const fs::path& directory) {
  PeerFiles peer{.service = directory / "service" / "compiler_gym-llvm-service",
                 .tools = directory / "site",
                 .small_program = directory / "programs" / "small.bc",
                 .medium_program = directory / "programs" / "medium.bc"};
  for (fs::path* path : {&peer.service, &peer.tools, &peer.small_program, &peer.medium_program}) {
    boost::system::error_code error;
    if (!fs::exists(*path, error)) {
      return not_found("there is no '" + path->string() + "'; `./dev bench peer` installs it");
    }
    *path = fs::absolute(*path);
  }
  return peer;
}

ManagedServiceOptions peer_options(const PeerFiles& peer) {
  ManagedServiceOptions options;
  options.binary = peer.service;
  options.environment = {"COMPILER_GYM_SITE_DATA=" + peer.tools.string()};
  return options;
}

void set_peer_load(const CompareRow& row, const PeerFiles& peer, std::chrono::milliseconds duration,
                   LoadOptions& load) {
  switch (row.work) {
    case Work::kPeerStepSmall:
      use_small(peer, load);
      // Two processors do twice as much of several sessions.
      set_number_of_steps(kSmallStepsPerSecond * std::min(row.in_flight, 2), duration, load);
      break;
    case Work::kPeerStepMedium:
      step_medium(peer, duration, load);
      break;
    case Work::kPeerStepOpen:
      step_medium(peer, duration, load);
      load.sessions = kOpenSessions;
      break;
    case Work::kPeerObserve:
      use_small(peer, load);
      load.actions_per_step = 0;
      load.episode = 0;
      break;
    case Work::kPeerStartCold:
      use_medium(peer, load);
      load.cold = true;
      load.warmup = 0ns;
      break;
    case Work::kPeerFork:
      use_medium(peer, load);
      load.warm_steps = kStepsBeforeFork;
      break;
    case Work::kPeerStartWarm:
      use_medium(peer, load);
      break;
    default:  // without sessions
      break;
  }
}

}  // namespace compiler_gym

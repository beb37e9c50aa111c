// Benchmarks of the 26 observations and of other ways to compute some of them.
#pragma once

#include "bench/llvm/bench_sessions.h"
#include "bench/llvm/stopwatch.h"

namespace compiler_gym {

/// Registers, for each size of module:
///
///   observation/<name>/<size>  computes it. What depends on the module alone and what it costs is
///                              computed by the functions that a session calls, since a session
///                              would remember it; the rest by a session. A baseline is computed
///                              on a benchmark that nobody has asked for it yet.
///   again/<name>/small         asks a session for what it has computed before
///   other/<name>/<size>        the same by a way of other_ways.h
///
/// Lifetime: `sessions` must outlive the benchmarks' last run.
void register_observation_benchmarks(BenchSessions& sessions, TimeKind kind);

}  // namespace compiler_gym

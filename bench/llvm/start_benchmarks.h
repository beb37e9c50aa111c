// Benchmarks of what it takes until a session is there.
#pragma once

#include "bench/llvm/bench_sessions.h"
#include "bench/llvm/stopwatch.h"

namespace compiler_gym {

/// Registers, for each size of module:
///
///   start/first/<size>     the first session on a benchmark that the service has not seen
///   start/parsed/<size>    a further session, when no spare module is ready
///   start/spare/<size>     a further session, when one is
///   start/fork N/<size>    a fork of a session that N actions have been applied to
///   start/end/<size>       destroying a session
///   eager/in process/<size>, eager/by processes/<size>
///                          the first session if it had to wait for the baselines; the sizes by
///                          the service's code generator, or by clang and llvm-size
///
/// Lifetime: the sessions must outlive the benchmarks' last run.
void register_start_benchmarks(BenchSessions& with_spares, BenchSessions& without_spares,
                               TimeKind kind);

}  // namespace compiler_gym

// The results as Markdown tables.
#pragma once

#include <ostream>
#include <string>

#include "bench/llvm/results.h"
#include "bench/llvm/session_memory.h"
#include "bench/llvm/stopwatch.h"

namespace compiler_gym {

/// Three digits and a unit: `1.53 us`.
[[nodiscard]] std::string format(Seconds time);

/// Three tables: the observations, the start of sessions, and what is compared with another way of
/// computing it. A benchmark that was not run is a `-`.
void print_tables(const Results& results, std::ostream& out);

void print_table(const SessionMemory& memory, std::ostream& out);

}  // namespace compiler_gym

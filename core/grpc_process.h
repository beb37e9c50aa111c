// What a program decides of gRPC, for its whole process. For a main(); a library leaves it to the program that it is part of.
#pragma once

namespace compiler_gym {

/// Turns abseil's search for lock cycles off. Debian and Ubuntu build abseil without NDEBUG, and so
/// every absl::Mutex of gRPC goes through one graph of all locks, behind one lock: 9% of a call's CPU,
/// and what threads wait for. Any thread, at any time.
void disable_abseil_deadlock_detection();

}  // namespace compiler_gym

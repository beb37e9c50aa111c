#include "tests/support/hazards.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace compiler_gym::testing {
namespace {

// Each call's frame is used after the next one returns, so that none can be optimised away.
int recurse(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth == std::numeric_limits<int>::max() ? 0 : recurse(depth + 1) + frame[0];
}

}  // namespace

void hang() {
  for (;;) {
    pause();
  }
}

void overflow_the_stack() {
  std::exit(recurse(0));
}

void take_all_memory() {
  for (;;) {
    constexpr std::size_t kPiece = 16 << 20;
    std::memset(new char[kPiece], 1, kPiece);
  }
}

void allocate_too_much() {
  volatile std::size_t size = std::numeric_limits<std::ptrdiff_t>::max() / 2;
  std::memset(::operator new(size), 1, 1);
  std::abort();  // nobody has so much
}

}  // namespace compiler_gym::testing

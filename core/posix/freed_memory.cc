#include "core/posix/freed_memory.h"

#include <malloc.h>

namespace compiler_gym {

void give_freed_memory_back() {
  constexpr int kMebibyte = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 4 * kMebibyte);
  mallopt(M_TRIM_THRESHOLD, 16 * kMebibyte);
}

}  // namespace compiler_gym

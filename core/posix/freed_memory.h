// What becomes of memory that is freed.
#pragma once

namespace compiler_gym {

/// Has the C library give blocks of 4 MiB and more back to the system when they are freed, and keep no
/// more than 16 MiB at the end of each of its arenas, of which there is one for about every thread. By
/// itself it raises these limits to 32 and 64 MiB after the first large block has been freed.
/// For processes that serve: what one client's giant request has taken is not to stay for good.
/// Of no effect, and not needed, in programs that allocate with jemalloc (COMPILER_GYM_JEMALLOC): it gives
/// blocks of 8 MiB and more back at once and, as memory is used, what else has been free for ten seconds.
void give_freed_memory_back();

}  // namespace compiler_gym

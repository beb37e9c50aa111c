#include "bench/allocations/counted_malloc.h"

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <boost/filesystem/path.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

// glibc's own, for programs that put theirs in front.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): glibc's names
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace compiler_gym {
namespace {

// Return addresses, each with what was allocated for it: an open hash table that only grows, since
// to count must not allocate.
struct Caller {
  std::atomic<void*> address;
  std::atomic<std::uint64_t> count;
  std::atomic<std::uint64_t> bytes;
};
constexpr std::size_t kCallers = 1 << 16;
std::array<Caller, kCallers> callers;

void count(void* address, std::size_t bytes) {
  std::size_t slot = (reinterpret_cast<std::uintptr_t>(address) * 0x9E3779B97F4A7C15U) >> 48U;
  for (;;) {
    Caller& caller = callers[slot];
    void* known = caller.address.load(std::memory_order_relaxed);
    if (known == address ||
        (known == nullptr &&
         (caller.address.compare_exchange_strong(known, address) || known == address))) {
      caller.count.fetch_add(1, std::memory_order_relaxed);
      caller.bytes.fetch_add(bytes, std::memory_order_relaxed);
      return;
    }
    slot = (slot + 1) % kCallers;
  }
}

std::string library_of(void* address) {
  Dl_info library{};
  Dl_info own{};
  if (dladdr(address, &library) == 0 || library.dli_fname == nullptr) {
    return "unknown";
  }
  dladdr(reinterpret_cast<void*>(&count_allocations), &own);
  return library.dli_fbase == own.dli_fbase
             ? "this program"
             : boost::filesystem::path(library.dli_fname).filename().string();
}

void* allocate_or_throw(void* block) {
  if (block == nullptr) {
    throw std::bad_alloc();
  }
  return block;
}

}  // namespace

std::map<std::string, Allocations> count_allocations() {
  std::map<std::string, Allocations> by_library;
  for (const Caller& caller : callers) {
    if (void* address = caller.address.load(); address != nullptr) {
      const Allocations seen{.count = caller.count.load(), .bytes = caller.bytes.load()};
      Allocations& sum = by_library[library_of(address)];
      sum.count += seen.count;
      sum.bytes += seen.bytes;
    }
  }
  return by_library;
}

}  // namespace compiler_gym

extern "C" {

void* malloc(std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), size);
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), count * size);
  return __libc_calloc(count, size);
}

void* realloc(void* block, std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), size);
  return __libc_realloc(block, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), size);
  *block = __libc_memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

}  // extern "C"

void* operator new(std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), size);
  return compiler_gym::allocate_or_throw(__libc_malloc(size));
}

void* operator new[](std::size_t size) {
  compiler_gym::count(__builtin_return_address(0), size);
  return compiler_gym::allocate_or_throw(__libc_malloc(size));
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  compiler_gym::count(__builtin_return_address(0), size);
  return compiler_gym::allocate_or_throw(
      __libc_memalign(static_cast<std::size_t>(alignment), size));
}

void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t /*size*/) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t /*size*/) noexcept {
  std::free(block);
}
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(block);
}

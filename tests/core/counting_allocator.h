// An allocator that knows how many of its blocks are in use.
#pragma once

#include <cstddef>
#include <new>

namespace compiler_gym::testing {

struct AllocationCounts {
  int live = 0;
  int total = 0;
};

/// Copies count together.
template <typename T>
class CountingAllocator {
 public:
  using value_type = T;

  explicit CountingAllocator(AllocationCounts& counts) : counts_(&counts) {}
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other) : counts_(&other.counts()) {}

  T* allocate(std::size_t n) {
    ++counts_->live;
    ++counts_->total;
    return static_cast<T*>(::operator new(n * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t /*n*/) {
    --counts_->live;
    ::operator delete(memory);
  }

  [[nodiscard]] AllocationCounts& counts() const { return *counts_; }

  template <typename U>
  bool operator==(const CountingAllocator<U>& other) const {
    return counts_ == &other.counts();
  }

 private:
  AllocationCounts* counts_;
};

}  // namespace compiler_gym::testing

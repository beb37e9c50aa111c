// What a benchmark costs at the compiler's own optimisation levels, for all who ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym {

/// A table of numbers that are computed when first asked for, once, also if those who ask are
/// processes forked after it was made: it lies in memory that they share. A process that dies while
/// it computes leaves the number to the next one.
/// Threads: every member may be called from any thread, and in any of these processes.
class BaselineCosts {
 public:
  static constexpr std::size_t kSize = 14;

  /// Throws std::system_error if the memory can't be had.
  BaselineCosts();
  BaselineCosts(const BaselineCosts&) = delete;
  BaselineCosts& operator=(const BaselineCosts&) = delete;
  ~BaselineCosts();

  enum class Failures {
    kForgotten,
    kKept,  ///< INVALID_ARGUMENT, that is: others, such as a lack of memory, may be over next time
  };

  /// The number at `index`, or why there is none, from `compute()` if nobody knows it yet. Whoever
  /// asks for the same meanwhile waits, in a BlockingRegion. Of a failure's text the first 376 bytes are kept.
  template <typename Compute>
  Result<std::int64_t> get(std::size_t index, Failures failures, Compute&& compute) {
    const Lock lock(*this, index);
    if (!known(index)) {
      const Result<std::int64_t> value = compute();
      if (value) {
        set(index, *value);
      } else if (failures == Failures::kKept &&
                 value.error().error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
        set_failure(index, value.error().error_message());
        return answer(index);  // the same for all, not more for the first
      }
      return value;
    }
    return answer(index);
  }
  template <typename Compute>
  Result<std::int64_t> get(std::size_t index, Compute&& compute) {
    return get(index, Failures::kForgotten, std::forward<Compute>(compute));
  }

 private:
  struct Slot;

  class Lock {
   public:
    Lock(BaselineCosts& costs, std::size_t index);
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();

   private:
    Slot& slot_;
  };

  [[nodiscard]] bool known(std::size_t index) const;
  [[nodiscard]] Result<std::int64_t> answer(std::size_t index) const;
  void set(std::size_t index, std::int64_t value);
  void set_failure(std::size_t index, const std::string& text);

  Slot* slots_;
};

}  // namespace compiler_gym

// Which sequence of passes to try next: four answers to that, behind one interface.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "tools/search/pass_sequence.h"

namespace compiler_gym {

/// What a method knows of the passes.
struct SearchSpace {
  /// 0 <= pass < passes.
  int passes = 0;
  /// The one that is the whole of `default<Oz>`.
  int oz = 0;
  /// Sequences that are good for size in general; genetic search begins with them.
  std::vector<PassSequence> known;
};

/// A sequence to be tried.
struct Proposal {
  PassSequence passes;
  /// So many of its first passes lead to a state from which several proposals will go on, and which is
  /// worth a session to fork from. 0: none.
  std::size_t forked_after = 0;
};

/// Decides only: running passes and measuring is the caller's. No I/O, no clock; the same calls with the
/// same seed give the same proposals.
class SearchMethod {
 public:
  SearchMethod() = default;
  SearchMethod(const SearchMethod&) = delete;
  SearchMethod& operator=(const SearchMethod&) = delete;
  virtual ~SearchMethod() = default;

  /// The next sequence to try. Before the first call, the sequences that a search starts from are
  /// reported: the empty one and that of `default<Oz>` alone.
  [[nodiscard]] virtual Proposal propose() = 0;

  /// What a sequence came to, proposed or not; without a value it failed: a pass crashed, or hung.
  virtual void report(const PassSequence& passes, std::optional<std::int64_t> value) = 0;

  /// No method proposes a longer one.
  static constexpr std::size_t kMaxLength = 40;
};

enum class MethodKind { kRandom, kGreedy, kGenetic, kLocal };
inline constexpr std::array kAllMethods{MethodKind::kRandom, MethodKind::kGreedy,
                                        MethodKind::kGenetic, MethodKind::kLocal};

/// `random`, `greedy`, `genetic`, `local`.
[[nodiscard]] std::string_view to_string(MethodKind kind);
[[nodiscard]] std::optional<MethodKind> find_method(std::string_view name);

[[nodiscard]] std::unique_ptr<SearchMethod> make_search_method(MethodKind kind, SearchSpace space,
                                                               std::uint64_t seed);

/// Draws numbers, the same ones with every standard library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  /// 0 <= number < limit, which is not 0.
  [[nodiscard]] std::size_t below(std::size_t limit) {
    return static_cast<std::size_t>(random_() % limit);
  }
  [[nodiscard]] int pass(const SearchSpace& space) {
    return static_cast<int>(below(static_cast<std::size_t>(space.passes)));
  }
  /// 0 <= number < 1.
  [[nodiscard]] double fraction() {
    constexpr double kTwoTo64 = 18446744073709551616.0;
    return static_cast<double>(random_()) / kTwoTo64;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace compiler_gym

// What is said of a number of rounds.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace compiler_gym {

/// The median of `value(item)` over the items, of which there is at least one; of an even number, the
/// upper one of the two in the middle.
template <std::ranges::input_range Items, typename Value = std::identity>
[[nodiscard]] auto median(const Items& items, Value value = {}) {
  std::vector<std::remove_cvref_t<
      std::invoke_result_t<Value, std::ranges::range_reference_t<const Items&>>>>
      values;
  std::ranges::transform(items, std::back_inserter(values), std::ref(value));
  assert(!values.empty() && "the median of nothing");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The median of `value(item) / value(base item)` over pairs of items of equal place: each round
/// compared with itself, so that what disturbed a round disturbs both sides of its ratio. Both have as
/// many items. Pairs whose base is 0 are left out; NaN if there is no other.
template <std::ranges::random_access_range Items, typename Value>
[[nodiscard]] double median_ratio(const Items& items, const Items& base, Value value) {
  assert(std::ranges::size(items) == std::ranges::size(base) && "rounds that do not pair");
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::ranges::size(items); ++i) {
    const auto divisor = static_cast<double>(std::invoke(value, base[i]));
    if (divisor != 0) {
      ratios.push_back(static_cast<double>(std::invoke(value, items[i])) / divisor);
    }
  }
  return ratios.empty() ? std::numeric_limits<double>::quiet_NaN() : median(ratios);
}

}  // namespace compiler_gym

// Small changes to a sequence of passes.
#pragma once

#include <cstddef>

#include "tools/search/pass_sequence.h"
#include "tools/search/search_method.h"

namespace compiler_gym {

enum class PassChange {
  kAppend,
  kInsert,
  kReplace,
  kRemove,
  kMove,
};

/// Changes the sequence at a place that `dice` draws; `draw_pass()` is what comes new. One that is as long
/// as it may be gets no other pass, and loses one instead; an empty one can be appended to only, or
/// inserted into.
template <typename DrawPass>
void change_one(PassSequence& passes, PassChange change, Dice& dice, DrawPass draw_pass) {
  const auto place_between = [&] {
    return passes.begin() + static_cast<std::ptrdiff_t>(dice.below(passes.size() + 1));
  };
  const bool is_full = passes.size() >= SearchMethod::kMaxLength;
  if (change == PassChange::kAppend && !is_full) {
    passes.push_back(draw_pass());
    return;
  }
  if (change == PassChange::kInsert && !is_full) {
    const auto at = place_between();
    passes.insert(at, draw_pass());
    return;
  }
  const std::size_t at = dice.below(passes.size());
  if (change == PassChange::kReplace) {
    passes[at] = draw_pass();
    return;
  }
  const int taken = passes[at];
  passes.erase(passes.begin() + static_cast<std::ptrdiff_t>(at));
  if (change == PassChange::kMove) {
    passes.insert(place_between(), taken);
  }
}

}  // namespace compiler_gym

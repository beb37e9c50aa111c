#include "tools/search/pass_list.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "sessions/llvm/actions/actions.h"

namespace compiler_gym {
namespace {

// First what is done to the result of -Oz: once more, and what it leaves out. Then sequences in the order
// of any optimiser: memory into registers, simplify, between functions, loops, clean up. Loops are
// vectorised and unrolled nowhere: that makes code larger.
constexpr std::array kKnownSequences{
    "default<Oz> default<Oz>",
    "default<Oz> mergefunc constmerge globaldce",
    "default<Oz> gvn-hoist simplifycfg<sink-common-insts> instcombine<no-verify-fixpoint>",
    "default<Os>",
    "function-simplification<Oz> default<Oz>",
    "sroa<modify-cfg> simplifycfg instcombine<no-verify-fixpoint> gvn simplifycfg dse adce",
    "inferattrs globalopt ipsccp deadargelim sroa<modify-cfg> early-cse<memssa> simplifycfg "
    "instcombine<no-verify-fixpoint> tailcallelim gvn dse simplifycfg adce globaldce",
    "scc-oz-module-inliner function-simplification<Oz> mergefunc globaldce",
};

}  // namespace

PassList::PassList() {
  for (const auto& actions : {new_pm_actions(), pipeline_actions()}) {
    for (const LlvmAction& action : actions) {
      if (action.is_deterministic) {
        passes_.push_back({std::string(action.flag), std::string(action.pipeline)});
      }
    }
  }
}

std::optional<int> PassList::find(std::string_view name) const {
  const auto found = std::ranges::find(passes_, name, &Pass::name);
  return found == passes_.end() ? std::nullopt
                                : std::optional(static_cast<int>(found - passes_.begin()));
}

std::vector<std::string> PassList::pipelines(const PassSequence& passes) const {
  std::vector<std::string> texts;
  for (const int pass : passes) {
    texts.push_back(pipeline(pass));
  }
  return texts;
}

SearchSpace PassList::search_space() const {
  SearchSpace space;
  space.passes = static_cast<int>(passes_.size());
  space.oz = find("default<Oz>").value();
  for (const char* const text : kKnownSequences) {
    PassSequence& sequence = space.known.emplace_back();
    std::istringstream names(text);
    for (std::string name; names >> name;) {
      sequence.push_back(find(name).value());
    }
  }
  return space;
}

}  // namespace compiler_gym

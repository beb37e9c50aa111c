#include "tools/search/search_method.h"

#include <utility>

#include "tools/search/genetic_method.h"
#include "tools/search/greedy_method.h"
#include "tools/search/local_method.h"
#include "tools/search/random_method.h"

namespace compiler_gym {

std::string_view to_string(MethodKind kind) {
  constexpr std::array<std::string_view, kAllMethods.size()> kNames{"random", "greedy", "genetic",
                                                                    "local"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<MethodKind> find_method(std::string_view name) {
  for (const MethodKind kind : kAllMethods) {
    if (to_string(kind) == name) {
      return kind;
    }
  }
  return std::nullopt;
}

std::unique_ptr<SearchMethod> make_search_method(MethodKind kind, SearchSpace space,
                                                 std::uint64_t seed) {
  switch (kind) {
    case MethodKind::kRandom:
      return std::make_unique<RandomMethod>(std::move(space), seed);
    case MethodKind::kGreedy:
      return std::make_unique<GreedyMethod>(std::move(space), seed);
    case MethodKind::kGenetic:
      return std::make_unique<GeneticMethod>(std::move(space), seed);
    case MethodKind::kLocal:
      break;
  }
  return std::make_unique<LocalMethod>(std::move(space), seed);
}

}  // namespace compiler_gym

// The passes that a search puts in sequence.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/search/pass_sequence.h"
#include "tools/search/search_method.h"

namespace compiler_gym {

/// The actions of the LLVM service's spaces NewPM and Pipelines that do the same each time. NewPM leaves
/// out what is known to change what programs do, which PassesAll, CompilerGym's own, has to list.
/// Sequences go to the service as pipelines (`llvm.apply_pipeline`), and so as text that `opt` takes too.
class PassList {
 public:
  PassList();

  [[nodiscard]] std::size_t size() const { return passes_.size(); }
  /// As `opt -passes=` takes it alone.
  [[nodiscard]] const std::string& pipeline(int pass) const {
    return passes_[static_cast<std::size_t>(pass)].pipeline;
  }
  /// By the name of the action.
  [[nodiscard]] std::optional<int> find(std::string_view name) const;

  /// Each as `opt -passes=` takes it alone.
  [[nodiscard]] std::vector<std::string> pipelines(const PassSequence& passes) const;

  [[nodiscard]] SearchSpace search_space() const;

 private:
  struct Pass {
    std::string name;
    std::string pipeline;
  };
  std::vector<Pass> passes_;
};

}  // namespace compiler_gym

// A completion tag that calls a function.
#pragma once

#include <functional>
#include <utility>

#include "core/completion_tag.h"

namespace compiler_gym::testing {

class FunctionTag final : public CompletionTag {
 public:
  explicit FunctionTag(std::function<void(bool ok)> function) : function_(std::move(function)) {}

  void on_event(bool ok) override { function_(ok); }

 private:
  std::function<void(bool ok)> function_;
};

}  // namespace compiler_gym::testing

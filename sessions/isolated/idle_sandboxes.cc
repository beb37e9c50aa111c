#include "sessions/isolated/idle_sandboxes.h"

#include <algorithm>

namespace compiler_gym::isolated {

bool IdleSandboxes::begin_reset(Number sandbox, TemplateId of, std::vector<Number>& ended) {
  const auto of_it = static_cast<std::size_t>(std::ranges::count(idle_, of, &Idle::of));
  if (!options_.enabled || of_it + resetting(of) >= options_.max_idle_per_template) {
    return false;
  }
  if (idle_.size() + resetting_.size() >= options_.max_idle) {
    const std::optional<Number> oldest = give_up();
    if (!oldest) {
      return false;
    }
    ended.push_back(*oldest);
  }
  resetting_.push_back({sandbox, of});
  return true;
}

bool IdleSandboxes::on_reset(Number sandbox, const std::optional<ResetReport>& report,
                             std::vector<Number>& ended) {
  const std::optional<TemplateId> of = template_of(sandbox);
  std::erase_if(resetting_, [&](const Resetting& one) { return one.sandbox == sandbox; });
  if (!of || !report || report->grown_by > options_.max_growth_in_bytes ||
      report->sessions >= options_.max_sessions ||
      report->size_in_bytes > options_.max_idle_bytes) {
    return false;
  }
  while (idle_bytes_ + report->size_in_bytes > options_.max_idle_bytes) {
    ended.push_back(*give_up());
  }
  idle_.push_back({sandbox, *of, report->size_in_bytes});
  idle_bytes_ += report->size_in_bytes;
  return true;
}

std::optional<IdleSandboxes::Number> IdleSandboxes::take(TemplateId of) {
  const auto latest =
      std::find_if(idle_.rbegin(), idle_.rend(), [of](const Idle& one) { return one.of == of; });
  return latest == idle_.rend() ? std::nullopt : std::optional(remove(std::prev(latest.base())));
}

std::optional<IdleSandboxes::Number> IdleSandboxes::give_up() {
  return idle_.empty() ? std::nullopt : std::optional(remove(idle_.begin()));
}

std::vector<IdleSandboxes::Number> IdleSandboxes::drop(TemplateId of) {
  std::vector<Number> dropped;
  while (const std::optional<Number> one = take(of)) {
    dropped.push_back(*one);
  }
  for (Resetting& one : resetting_) {
    if (one.of == of) {
      one.of.reset();
    }
  }
  return dropped;
}

std::size_t IdleSandboxes::resetting(TemplateId of) const {
  return static_cast<std::size_t>(std::ranges::count(resetting_, of, &Resetting::of));
}

std::optional<IdleSandboxes::TemplateId> IdleSandboxes::template_of(Number resetting) const {
  const auto found = std::ranges::find(resetting_, resetting, &Resetting::sandbox);
  return found == resetting_.end() ? std::nullopt : found->of;
}

IdleSandboxes::Number IdleSandboxes::remove(Iterator idle) {
  const Number sandbox = idle->sandbox;
  idle_bytes_ -= idle->size_in_bytes;
  idle_.erase(idle);
  return sandbox;
}

}  // namespace compiler_gym::isolated

#include "sessions/isolated/template_scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sessions/session_rules.h"

namespace compiler_gym::isolated {

TemplateScheduler::Actions TemplateScheduler::enter(WaiterId waiter, ClientId client,
                                                    const TemplateKey& key) {
  if (closed_) {
    return {{.kind = TemplateAction::Kind::kComplete, .waiter = waiter, .status = shutting_down()}};
  }
  Actions actions;
  Template& of = find_or_add(key);
  of.waiting.push(client, {waiter, client});
  evict(actions);
  serve_next(of, actions);
  return actions;
}

TemplateScheduler::Actions TemplateScheduler::leave(WaiterId waiter, ClientId client) {
  for (Template& of : templates_) {
    const auto is_it = [waiter](const Waiter& one) { return one.id == waiter; };
    if (of.waiting.erase_if(client, is_it) == 0) {
      continue;
    }
    Actions actions{{.kind = TemplateAction::Kind::kComplete,
                     .waiter = waiter,
                     .status = cancelled_before_its_turn()}};
    if (!of.loaded && of.busy && of.waiting.empty()) {
      actions.push_back({.kind = TemplateAction::Kind::kStopLoading, .of = of.id});
    }
    return actions;
  }
  return {};
}

TemplateScheduler::Actions TemplateScheduler::on_loaded(TemplateId of, const grpc::Status& status) {
  const auto loaded = find(of);
  if (loaded == templates_.end()) {
    return {};  // closed meanwhile
  }
  Actions actions;
  loaded->busy = false;
  if (status.ok()) {
    loaded->loaded = true;
    serve_next(*loaded, actions);
    evict(actions);
  } else if (status.error_code() == grpc::StatusCode::CANCELLED && !loaded->waiting.empty()) {
    load(*loaded, actions);  // for who came when the last one had just left
  } else {
    release(of, actions);
    while (!loaded->waiting.empty()) {
      actions.push_back({.kind = TemplateAction::Kind::kComplete,
                         .waiter = loaded->waiting.pop().id,
                         .status = status});
    }
    templates_.erase(loaded);
  }
  return actions;
}

TemplateScheduler::Actions TemplateScheduler::on_forked(TemplateId of, const grpc::Status& status) {
  const auto forked = find(of);
  if (forked == templates_.end()) {
    return {};
  }
  Actions actions;
  forked->busy = false;
  Waiter waiter = *std::exchange(forked->forked_for, std::nullopt);
  // The template itself has died, or hangs: of nothing that this session did.
  const bool lost = status.error_code() == grpc::StatusCode::DATA_LOSS ||
                    status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (lost) {
    forked->loaded = false;
    actions.push_back({.kind = TemplateAction::Kind::kRelease, .of = of});
  }
  if (lost && !waiter.retried) {
    waiter.retried = true;
    forked->waiting.push_front(waiter.client, waiter);
  } else {
    actions.push_back(
        {.kind = TemplateAction::Kind::kComplete, .waiter = waiter.id, .status = status});
  }
  serve_next(*forked, actions);
  evict(actions);
  return actions;
}

TemplateScheduler::Actions TemplateScheduler::close() {
  closed_ = true;
  Actions actions;
  for (const Template& of : std::exchange(templates_, {})) {
    release(of.id, actions);
  }
  return actions;
}

// ------------------------------------------------------------------------------------- recycling

TemplateScheduler::Actions TemplateScheduler::on_session_end(SandboxNumber sandbox,
                                                             const TemplateKey& key) {
  Actions actions;
  std::vector<SandboxNumber> ended;
  const auto of = std::ranges::find(templates_, key, &Template::key);
  // One that is wanted at once does not become idle.
  const bool reset =
      of != templates_.end() && want_room_.empty() && idle_.begin_reset(sandbox, of->id, ended);
  for (const SandboxNumber one : ended) {
    end(one, actions);
  }
  if (reset) {
    actions.push_back({.kind = TemplateAction::Kind::kReset, .of = of->id, .sandbox = sandbox});
  } else {
    end(sandbox, actions);
  }
  return actions;
}

TemplateScheduler::Actions TemplateScheduler::on_reset(SandboxNumber sandbox,
                                                       const std::optional<ResetReport>& report) {
  Actions actions;
  std::vector<SandboxNumber> ended;
  const std::optional<TemplateId> of = idle_.template_of(sandbox);
  if (!idle_.on_reset(sandbox, report, ended)) {
    ended.push_back(sandbox);
  }
  for (const SandboxNumber one : ended) {
    end(one, actions);
  }
  if (of) {
    serve_next(*find(*of), actions);
  }
  if (!want_room_.empty()) {
    if (const std::optional<SandboxNumber> one = idle_.give_up()) {
      end(*one, actions);
    }
  }
  while (idle_.resetting() == 0 && !want_room_.empty()) {
    actions.push_back({.kind = TemplateAction::Kind::kNoRoom, .waiter = want_room_.front()});
    want_room_.pop_front();
  }
  return actions;
}

// Whose turn it was before; the template may have gone meanwhile.
TemplateScheduler::Actions TemplateScheduler::on_found_dead(WaiterId waiter, ClientId client,
                                                            const TemplateKey& key) {
  if (closed_) {
    return {{.kind = TemplateAction::Kind::kComplete, .waiter = waiter, .status = shutting_down()}};
  }
  Actions actions;
  Template& of = find_or_add(key);
  of.waiting.push_front(client, {waiter, client});
  evict(actions);
  serve_next(of, actions);
  return actions;
}

TemplateScheduler::Actions TemplateScheduler::make_room(WaiterId waiter) {
  Actions actions;
  if (const std::optional<SandboxNumber> one = idle_.give_up()) {
    actions.push_back({.kind = TemplateAction::Kind::kEnd, .waiter = waiter, .sandbox = *one});
  } else if (idle_.resetting() > 0) {
    want_room_.push_back(waiter);
  } else {
    actions.push_back({.kind = TemplateAction::Kind::kNoRoom, .waiter = waiter});
  }
  return actions;
}

// Who wants room has it then.
void TemplateScheduler::end(SandboxNumber sandbox, Actions& actions) {
  WaiterId waiter = 0;
  if (!want_room_.empty()) {
    waiter = want_room_.front();
    want_room_.pop_front();
  }
  actions.push_back({.kind = TemplateAction::Kind::kEnd, .waiter = waiter, .sandbox = sandbox});
}

void TemplateScheduler::release(TemplateId of, Actions& actions) {
  actions.push_back({.kind = TemplateAction::Kind::kRelease, .of = of});
  for (const SandboxNumber idle : idle_.drop(of)) {
    end(idle, actions);
  }
}

// -------------------------------------------------------------------------------- the templates

const TemplateKey& TemplateScheduler::key(TemplateId of) {
  return find(of)->key;
}

TemplateScheduler::Templates::iterator TemplateScheduler::find(TemplateId of) {
  return std::ranges::find(templates_, of, &Template::id);
}

TemplateScheduler::Template& TemplateScheduler::find_or_add(const TemplateKey& key) {
  const auto found = std::ranges::find(templates_, key, &Template::key);
  if (found == templates_.end()) {
    return templates_.emplace_front(Template{.id = ++last_id_, .key = key});
  }
  templates_.splice(templates_.begin(), templates_, found);
  return templates_.front();
}

void TemplateScheduler::load(Template& of, Actions& actions) {
  of.busy = true;
  actions.push_back(
      {.kind = TemplateAction::Kind::kLoad, .of = of.id, .waiter = of.waiting.front().id});
}

void TemplateScheduler::serve_next(Template& of, Actions& actions) {
  while (!of.waiting.empty()) {
    const std::optional<SandboxNumber> idle = idle_.take(of.id);
    if (!idle) {
      break;
    }
    actions.push_back({.kind = TemplateAction::Kind::kReuse,
                       .of = of.id,
                       .waiter = of.waiting.pop().id,
                       .sandbox = *idle});
  }
  if (of.busy || of.waiting.size() <= idle_.resetting(of.id)) {
    return;
  }
  if (!of.loaded) {
    load(of, actions);
    return;
  }
  of.busy = true;
  of.forked_for = of.waiting.pop();
  actions.push_back(
      {.kind = TemplateAction::Kind::kFork, .of = of.id, .waiter = of.forked_for->id});
}

void TemplateScheduler::evict(Actions& actions) {
  auto one = templates_.end();
  while (templates_.size() > max_templates_ && one != std::next(templates_.begin())) {
    --one;
    if (!one->busy && one->waiting.empty()) {
      release(one->id, actions);
      one = templates_.erase(one);
    }
  }
}

}  // namespace compiler_gym::isolated

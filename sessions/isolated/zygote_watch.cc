#include "sessions/isolated/zygote_watch.h"

#include <algorithm>

#include "core/support/status.h"

namespace compiler_gym::isolated {

ZygoteWatch::Actions ZygoteWatch::on_request(Tag tag, Wish wish, Clock::time_point now) {
  // Sandboxes end with their zygote.
  if (state_ == State::kEnded || (state_ == State::kNone && wish == Wish::kItsEnd)) {
    return {refusal(tag, wish)};
  }
  if (requests_.empty()) {
    next_probe_ = now + timeouts_.probe;
  }
  requests_.emplace(tag, Request{.wish = wish, .since = now});
  Actions actions;
  if (connected()) {
    actions.push_back({.kind = ZygoteAction::Kind::kSend, .tag = tag});
  } else if (state_ == State::kNone) {
    replace(now, actions);
  }
  return actions;
}

void ZygoteWatch::on_answer(Tag tag, Clock::time_point now) {
  requests_.erase(tag);
  since_ = now;
  next_probe_ = now + timeouts_.probe;
}

void ZygoteWatch::on_alive(Clock::time_point now) {
  state_ = State::kReady;
  since_ = now;
  next_probe_ = now + timeouts_.probe;
}

ZygoteWatch::Actions ZygoteWatch::on_zygote(Clock::time_point now) {
  Actions actions;
  if (connected()) {
    lose_zygote("was stopped, or has ended", actions);
  }
  has_keeper_ = true;
  state_ = State::kPreparing;
  since_ = now;
  next_probe_ = now + timeouts_.probe;
  for (auto request = requests_.begin(); request != requests_.end();) {
    const auto& [tag, waiting] = *request;
    // The sandboxes of the one before are gone with it.
    const bool gone = waiting.wish == Wish::kItsEnd;
    actions.push_back(
        {.kind = gone ? ZygoteAction::Kind::kGone : ZygoteAction::Kind::kSend, .tag = tag});
    request = gone ? requests_.erase(request) : std::next(request);
  }
  return actions;
}

ZygoteWatch::Actions ZygoteWatch::on_no_zygote(const std::string& why) {
  has_keeper_ = true;
  state_ = State::kNone;
  why_ = "the process that forks them can't be made: " + why;
  Actions actions{
      {.kind = ZygoteAction::Kind::kSay, .status = unavailable("can't be made: " + why)}};
  refuse_all(actions);
  return actions;
}

ZygoteWatch::Actions ZygoteWatch::on_zygote_end(Clock::time_point now) {
  Actions actions;
  if (connected()) {
    const bool was_ready = state_ == State::kReady;
    lose_zygote("has ended", actions);
    if (was_ready || !requests_.empty() || !has_keeper_) {
      replace(now, actions);
    } else {
      state_ = State::kNone;
    }
  }
  return actions;
}

ZygoteWatch::Actions ZygoteWatch::on_keeper_end(const std::string& why) {
  Actions actions;
  has_keeper_ = false;
  actions.push_back(
      {.kind = ZygoteAction::Kind::kSay, .status = unavailable("what keeps it " + why)});
  if (!connected()) {
    why_ = "the process that keeps the one which forks them " + why;
    state_ = State::kEnded;
    refuse_all(actions);
  }
  return actions;
}

ZygoteWatch::Actions ZygoteWatch::on_time(Clock::time_point now) {
  Actions actions;
  if (now < next()) {
    return actions;
  }
  if (state_ == State::kAwaited) {
    return on_keeper_end("does not answer");
  }
  give_up_on_sandboxes(now, actions);
  if (now >= deaf_at()) {
    lose_zygote("does not answer", actions);
    replace(now, actions);
  } else if (now >= next_probe_ && !requests_.empty()) {
    actions.push_back({.kind = ZygoteAction::Kind::kProbe});
    probed_at_ = now;
    // The longer it says nothing, the more seldom.
    next_probe_ = now + std::max<Clock::duration>(timeouts_.probe, now - silent_since());
  }
  return actions;
}

Clock::time_point ZygoteWatch::next() const {
  if (state_ == State::kAwaited) {
    return since_ + timeouts_.keeper;
  }
  if (!connected() || requests_.empty()) {
    return Clock::time_point::max();
  }
  return std::min(next_probe_, deaf_at());
}

// As far as it was asked something. Requests are in the order of their tags.
Clock::time_point ZygoteWatch::silent_since() const {
  return requests_.empty() ? Clock::time_point::max()
                           : std::max(since_, requests_.begin()->second.since);
}

// Not before it had time to answer a probe: this process may have been stopped as well, or the machine.
Clock::time_point ZygoteWatch::deaf_at() const {
  if (!connected() || requests_.empty()) {
    return Clock::time_point::max();
  }
  if (probed_at_ < silent_since()) {
    return Clock::time_point::max();
  }
  return std::max(
      silent_since() + (state_ == State::kReady ? timeouts_.answer : timeouts_.preparation),
      probed_at_ + timeouts_.probe);
}

// What was asked of it is asked of the next one, once.
void ZygoteWatch::lose_zygote(const std::string& how, Actions& actions) {
  why_ = "the process that forks them " + how;
  actions.push_back({.kind = ZygoteAction::Kind::kSay, .status = unavailable(how)});
  for (auto request = requests_.begin(); request != requests_.end();) {
    auto& [tag, waiting] = *request;
    if (waiting.wish == Wish::kSandbox && waiting.retried) {
      actions.push_back(refusal(tag, waiting.wish));
      request = requests_.erase(request);
    } else {
      waiting.retried = true;
      ++request;
    }
  }
}

void ZygoteWatch::replace(Clock::time_point now, Actions& actions) {
  if (!has_keeper_) {
    state_ = State::kEnded;
    refuse_all(actions);
  } else {
    state_ = State::kAwaited;
    since_ = now;
  }
  actions.push_back({.kind = ZygoteAction::Kind::kReplace});
}

void ZygoteWatch::refuse_all(Actions& actions) {
  for (const auto& [tag, waiting] : requests_) {
    actions.push_back(refusal(tag, waiting.wish));
  }
  requests_.clear();
}

void ZygoteWatch::give_up_on_sandboxes(Clock::time_point now, Actions& actions) {
  if (state_ != State::kReady) {
    return;
  }
  for (auto request = requests_.begin(); request != requests_.end();) {
    const auto& [tag, waiting] = *request;
    const bool given_up =
        waiting.wish == Wish::kItsEnd && now >= waiting.since + timeouts_.reap && now < deaf_at();
    if (given_up) {
      actions.push_back({.kind = ZygoteAction::Kind::kGone, .tag = tag});
    }
    request = given_up ? requests_.erase(request) : std::next(request);
  }
}

ZygoteAction ZygoteWatch::refusal(Tag tag, Wish wish) const {
  if (wish == Wish::kItsEnd) {
    return {.kind = ZygoteAction::Kind::kGone, .tag = tag};
  }
  return {.kind = ZygoteAction::Kind::kRefuse,
          .tag = tag,
          .status = unavailable("No sandbox process can be made: " + why_)};
}

}  // namespace compiler_gym::isolated

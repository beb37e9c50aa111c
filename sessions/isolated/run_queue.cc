#include "sessions/isolated/run_queue.h"

namespace compiler_gym::isolated {

RunQueue::RunQueue(std::size_t limit, Clock::duration patience)
    : steps_{.limit = limit, .patience = patience},
      starts_{.limit = (limit + 1) / 2, .patience = kStartPatience * patience} {}

// Steps may have every place.
bool RunQueue::has_room(const Kind& kind) const {
  return steps_.running.size() + starts_.running.size() < steps_.limit &&
         kind.running.size() < kind.limit;
}

std::optional<RunQueue::Number> RunQueue::try_enter(const RunTicket& ticket,
                                                    Clock::time_point now) {
  // While there is room for a kind, none of it waits.
  Kind& kind = of(ticket);
  if (!has_room(kind)) {
    return std::nullopt;
  }
  kind.running.push_back({++last_number_, now});
  return last_number_;
}

RunQueue::Entry RunQueue::enter(const RunTicket& ticket, Clock::time_point now) {
  if (const std::optional<Number> number = try_enter(ticket, now)) {
    return {*number, true};
  }
  of(ticket).waiting.push(ticket.client, ++last_number_);
  return {last_number_, false};
}

bool RunQueue::Kind::remove(Number number) {
  return std::erase_if(running, [&](const Running& one) { return one.number == number; }) +
             std::erase(overdue, number) >
         0;
}

std::vector<RunQueue::Number> RunQueue::finish(Number number, Clock::time_point now) {
  if (!steps_.remove(number)) {
    starts_.remove(number);
  }
  return admit(now);
}

bool RunQueue::leave(Number number, const RunTicket& ticket) {
  return of(ticket).waiting.erase_if(ticket.client,
                                     [&](Number waiting) { return waiting == number; }) > 0;
}

std::vector<RunQueue::Number> RunQueue::check(Clock::time_point now) {
  if (const Kind* first = first_overdue(); first != nullptr && first->overdue_at() <= now) {
    Kind& kind = first == &steps_ ? steps_ : starts_;
    kind.overdue.push_back(kind.running.front().number);
    kind.running.erase(kind.running.begin());
  }
  return admit(now);
}

Clock::time_point RunQueue::check_at() const {
  const Kind* first = first_overdue();
  return first == nullptr ? Clock::time_point::max() : first->overdue_at();
}

Clock::time_point RunQueue::Kind::overdue_at() const {
  return running.front().since + patience * (1 + overdue.size() / limit);
}

// Of those whose places somebody waits for. A start can wait for that of another start only.
const RunQueue::Kind* RunQueue::first_overdue() const {
  const bool for_any_place = !steps_.waiting.empty() ||
                             (!starts_.waiting.empty() && starts_.running.size() < starts_.limit);
  const bool step = for_any_place && !steps_.running.empty();
  const bool start = (for_any_place || !starts_.waiting.empty()) && !starts_.running.empty();
  if (step && start) {
    return steps_.overdue_at() <= starts_.overdue_at() ? &steps_ : &starts_;
  }
  if (!step && !start) {
    return nullptr;
  }
  return step ? &steps_ : &starts_;
}

// Whose place the next one is; null if nobody can have it.
RunQueue::Kind* RunQueue::next() {
  const bool step = !steps_.waiting.empty() && has_room(steps_);
  const bool start = !starts_.waiting.empty() && has_room(starts_);
  if (start && (!step || steps_before_a_start_ == kStepsBeforeAStart)) {
    steps_before_a_start_ = 0;
    return &starts_;
  }
  if (step) {
    steps_before_a_start_ += start ? 1 : 0;
    return &steps_;
  }
  return nullptr;
}

std::vector<RunQueue::Number> RunQueue::admit(Clock::time_point now) {
  std::vector<Number> admitted;
  while (Kind* kind = next()) {
    kind->running.push_back({kind->waiting.pop(), now});
    admitted.push_back(kind->running.back().number);
  }
  return admitted;
}

}  // namespace compiler_gym::isolated

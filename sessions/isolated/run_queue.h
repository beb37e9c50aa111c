// Whose turn it is to run in a sandbox process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/support/clock.h"
#include "core/support/fair_queue.h"
#include "sessions/client_id.h"

namespace compiler_gym::isolated {

/// What is to run, and for whom.
struct RunTicket {
  enum class Kind {
    kStep,   ///< a request to an open session, its restoring included
    kStart,  ///< what makes sessions: loading a benchmark, forking, the first observations
  };
  Kind kind = Kind::kStep;
  ClientId client{};
};

/// Decides who may run when no more than a few may, and not for ever. No threads, no locks, no clock:
/// RunLimit performs what it decides.
///
/// Starts:   have no more than half of the places (of an odd number the larger half), whether or not
///           steps wait, so that a step finds a place however many start.
/// Order:    a place that becomes free is a step's, if one waits. But after three steps that went
///           before a start which could have had the place, it is the start's: a quarter at least is
///           theirs, and they never starve. Within a kind clients take turns, as in FairQueue.
/// Patience: who has run for longer than that does not count any more while others wait for its place.
///           The more there are of those, the longer the patience, else requests that all take long
///           would soon all run. With starts, which mostly take long, it is 20 times as long.
class RunQueue {
 public:
  /// A request's, never used twice.
  using Number = std::uint64_t;

  RunQueue(std::size_t limit, Clock::duration patience);

  struct Entry {
    Number number = 0;
    bool may_run = false;  ///< if not it waits, until it is among those that an event returns
  };
  [[nodiscard]] Entry enter(const RunTicket& ticket, Clock::time_point now);
  /// The number of one that runs from here on; none if it would have to wait.
  [[nodiscard]] std::optional<Number> try_enter(const RunTicket& ticket, Clock::time_point now);

  /// One that runs has ended. Returns those who may run now.
  [[nodiscard]] std::vector<Number> finish(Number number, Clock::time_point now);

  /// One that waits does not want to any more. False if it may run already.
  bool leave(Number number, const RunTicket& ticket);

  /// To be called at check_at(). Returns those who may run now.
  [[nodiscard]] std::vector<Number> check(Clock::time_point now);

  /// When somebody's patience ends; time_point::max() if nobody waits.
  [[nodiscard]] Clock::time_point check_at() const;

 private:
  static constexpr int kStepsBeforeAStart = 3;
  static constexpr int kStartPatience = 20;

  struct Running {
    Number number;
    Clock::time_point since;
  };
  struct Kind {
    std::size_t limit;
    Clock::duration patience;
    std::vector<Running> running{};  // that count, those that began first in front
    std::vector<Number> overdue{};   // that run as well, but do not count any more
    FairQueue<ClientId, Number> waiting{};

    [[nodiscard]] Clock::time_point overdue_at() const;
    bool remove(Number number);
  };

  [[nodiscard]] Kind& of(const RunTicket& ticket) {
    return ticket.kind == RunTicket::Kind::kStep ? steps_ : starts_;
  }
  [[nodiscard]] bool has_room(const Kind& kind) const;
  [[nodiscard]] Kind* next();
  [[nodiscard]] const Kind* first_overdue() const;
  std::vector<Number> admit(Clock::time_point now);

  Kind steps_;
  Kind starts_;
  Number last_number_ = 0;
  int steps_before_a_start_ = 0;
};

}  // namespace compiler_gym::isolated

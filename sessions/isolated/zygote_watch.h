// Whether the zygote does what it is asked to, and what is done if not.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/support/clock.h"

namespace compiler_gym::isolated {

struct ZygoteTimeouts {
  /// Of silence, after which the zygote is asked whether it is there, and the keeper looks whether it
  /// is stopped.
  std::chrono::milliseconds probe{1'000};
  /// Of silence, after which it is replaced.
  std::chrono::milliseconds answer{10'000};
  /// The same for one that initialises the plug-in's context, and answers nothing else meanwhile.
  std::chrono::milliseconds preparation{300'000};
  /// For the end of a sandbox. One that even SIGKILL does not end, in the middle of a broken disk's
  /// system call, is not waited for any longer.
  std::chrono::milliseconds reap{10'000};
  /// For the keeper to bring a zygote.
  std::chrono::milliseconds keeper{10'000};
};

/// What is to be done next.
struct ZygoteAction {
  enum class Kind {
    kSend,     ///< put the request `tag` to the zygote
    kRefuse,   ///< complete the request `tag`: a sandbox can't be had, and `status` says why
    kGone,     ///< complete the request `tag`: the sandbox is gone, and nobody knows how it ended
    kProbe,    ///< ping the zygote, and have the keeper look at it
    kReplace,  ///< have nothing to do with this zygote any more, and ask the keeper for another
    kSay,      ///< tell the operator `status`
  };
  Kind kind;
  std::uint64_t tag = 0;
  grpc::Status status{};
};

/// Follows the requests to a zygote. Takes what happened and returns what is to be done about it, in
/// that order. No threads, no processes, and no clock of its own: SandboxHost performs what it decides.
///
/// Dead:    a zygote that ends is replaced at once; one that never came to initialise the context, when
///          somebody wants a sandbox, so that one which always dies of that does not for ever.
/// Deaf:    one that says nothing while something is asked of it is replaced, at once if it is stopped.
/// Retry:   a sandbox that was asked for is asked for once more of the new zygote.
/// For ever: without a keeper there is no new zygote: what sandboxes there are go on, and when the
///          zygote goes too, who wants one is refused from then on.
class ZygoteWatch {
 public:
  using Tag = std::uint64_t;
  using Actions = std::vector<ZygoteAction>;
  enum class Wish { kSandbox, kItsEnd };

  /// The keeper brings the first zygote unasked.
  ZygoteWatch(ZygoteTimeouts timeouts, Clock::time_point now) : timeouts_(timeouts), since_(now) {}

  /// The tag is new.
  [[nodiscard]] Actions on_request(Tag tag, Wish wish, Clock::time_point now);
  /// The request is completed by that.
  void on_answer(Tag tag, Clock::time_point now);
  /// It has initialised the context, or answers a ping.
  void on_alive(Clock::time_point now);
  /// The keeper has brought a zygote, whatever became of the one before.
  [[nodiscard]] Actions on_zygote(Clock::time_point now);
  [[nodiscard]] Actions on_no_zygote(const std::string& why);
  [[nodiscard]] Actions on_zygote_end(Clock::time_point now);
  [[nodiscard]] Actions on_keeper_end(const std::string& why);
  /// To be called at next().
  [[nodiscard]] Actions on_time(Clock::time_point now);

  /// time_point::max() if there is nothing to wait for.
  [[nodiscard]] Clock::time_point next() const;

 private:
  enum class State {
    kAwaited,    // the keeper is to bring one
    kPreparing,  // there is one, which initialises the context
    kReady,
    kNone,   // nobody wants one
    kEnded,  // there will never be one again
  };
  struct Request {
    Wish wish;
    Clock::time_point since;
    bool retried = false;
  };

  [[nodiscard]] bool connected() const {
    return state_ == State::kPreparing || state_ == State::kReady;
  }
  [[nodiscard]] Clock::time_point silent_since() const;
  [[nodiscard]] Clock::time_point deaf_at() const;
  void lose_zygote(const std::string& how, Actions& actions);
  void replace(Clock::time_point now, Actions& actions);
  void refuse_all(Actions& actions);
  void give_up_on_sandboxes(Clock::time_point now, Actions& actions);
  [[nodiscard]] ZygoteAction refusal(Tag tag, Wish wish) const;

  const ZygoteTimeouts timeouts_;
  State state_ = State::kAwaited;
  Clock::time_point since_;  // that state; of kPreparing and kReady: since it was last heard of
  Clock::time_point next_probe_ = Clock::time_point::max();
  Clock::time_point probed_at_ = Clock::time_point::min();
  std::map<Tag, Request> requests_;
  bool has_keeper_ = true;
  std::string why_;  // there is no zygote
};

}  // namespace compiler_gym::isolated

// How many requests a service has taken on, and how large they are.
#pragma once

#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>

#include "core/support/status.h"
#include "core/support/unique_resource.h"
#include "core/unique_handler.h"

namespace compiler_gym::internal {

/// What a request costs the service until it is answered.
enum class AdmissionClass {
  kAlways,  ///< small; answered at once, or gives back what sessions hold: never refused for others
  kInSession,  ///< waits for its session's turn and a worker
  kStart,      ///< waits for a worker that starts sessions and reads benchmarks
};

/// Bounds the requests in flight, which is from their arrival until they are answered; see
/// ReplyBudget for what comes after. Those that start sessions or add benchmarks get no
/// more than half of each bound, so that many of them leave room for the steps of open sessions.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive its shares.
class RequestBudget {
 public:
  struct Amount {
    std::size_t requests = 0;
    std::size_t bytes = 0;
  };

  explicit RequestBudget(Amount limit) : limit_(limit) {}
  RequestBudget(const RequestBudget&) = delete;
  RequestBudget& operator=(const RequestBudget&) = delete;

  struct Taken {
    RequestBudget* budget = nullptr;
    AdmissionClass admission_class = AdmissionClass::kAlways;
    std::size_t bytes = 0;
    explicit operator bool() const { return budget != nullptr; }
    void give_back() noexcept { budget->give_back(admission_class, bytes); }
  };
  /// What one request takes; one of kAlways takes nothing.
  using Share = UniqueResource<Taken>;

  /// Of a request of kAlways, which is parsed on the thread that serves everybody.
  static constexpr std::size_t kMaxSmallRequestBytes = std::size_t{64} * 1024;

  /// RESOURCE_EXHAUSTED, with what is in flight and the limit, if there is no room.
  [[nodiscard]] Result<Share> take(AdmissionClass admission_class, std::size_t bytes);

  /// Completes when there is room for so many bytes, or, if they are more than the limit, when none are
  /// in flight. Whoever asks first is told first; nothing is taken. `executor` is for a handler that
  /// has none. Signature: void().
  template <typename Executor, typename Token>
  auto async_room(std::size_t bytes, const Executor& executor, Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this, bytes, &executor](auto handler) {
          wait_for_room(bytes, Handler(std::move(handler), executor));
        },
        token);
  }

  /// Of the classes that count.
  [[nodiscard]] Amount in_flight() const;

 private:
  using Handler = UniqueHandler<void()>;
  struct Waiting {
    std::size_t bytes;
    Handler handler;
  };

  void give_back(AdmissionClass admission_class, std::size_t bytes);
  void wait_for_room(std::size_t bytes, Handler handler);
  [[nodiscard]] bool has_room_locked(std::size_t bytes) const;

  const Amount limit_;
  mutable std::mutex mutex_;
  Amount all_;     // in flight, of every class that counts
  Amount starts_;  // of these, AdmissionClass::kStart
  std::deque<Waiting> waiting_;
};

}  // namespace compiler_gym::internal

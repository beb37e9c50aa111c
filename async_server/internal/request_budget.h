// How many requests a service has taken on, and how large they are.
#pragma once

#include <cstddef>
#include <mutex>

#include "core/support/status.h"
#include "core/support/unique_resource.h"

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

  /// Of the classes that count.
  [[nodiscard]] Amount in_flight() const;

 private:
  void give_back(AdmissionClass admission_class, std::size_t bytes);

  const Amount limit_;
  mutable std::mutex mutex_;
  Amount all_;     // in flight, of every class that counts
  Amount starts_;  // of these, AdmissionClass::kStart
};

}  // namespace compiler_gym::internal

// The open sessions of a service, by id.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/support/status.h"
#include "core/support/unique_resource.h"
#include "sessions/session.h"

namespace compiler_gym {

/// Ids count up from 0 over the life of the service and are never reused; an id is taken only by a
/// session that started.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive its reservations.
class SessionTable {
 public:
  explicit SessionTable(std::size_t max_sessions) : max_sessions_(max_sessions) {}

  struct Reserved {
    SessionTable* table = nullptr;
    explicit operator bool() const { return table != nullptr; }
    void give_back() noexcept { table->cancel_reservation(); }
  };
  /// Room for one session, held while it starts, so that the bound holds for sessions being started
  /// too.
  using Reservation = UniqueResource<Reserved>;

  /// RESOURCE_EXHAUSTED if the table is full, UNAVAILABLE once it is closed.
  [[nodiscard]] Result<Reservation> reserve();

  /// Adds what `make(id)` returns, under the reservation. UNAVAILABLE if the table was closed
  /// meanwhile.
  template <typename Make>
  Result<std::shared_ptr<Session>> insert(Reservation reservation, Make&& make) {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return closed_status();  // the reservation is given back when it is destroyed, after the lock
    }
    std::shared_ptr<Session> session = make(next_id_);
    sessions_.emplace(next_id_, session);
    ++next_id_;
    --reserved_;
    static_cast<void>(reservation.release());
    return session;
  }

  /// NOT_FOUND `Session not found: <id>`.
  [[nodiscard]] Result<std::shared_ptr<Session>> find(Session::Id id) const;

  struct Removed {
    std::shared_ptr<Session> session;  ///< null if there was none of that id
    std::size_t remaining;             ///< open sessions after the removal
  };
  Removed remove(Session::Id id);

  /// Empties the table for good: nothing is admitted afterwards.
  [[nodiscard]] std::vector<std::shared_ptr<Session>> close();

  [[nodiscard]] std::vector<std::shared_ptr<Session>> all() const;
  [[nodiscard]] std::size_t size() const;

 private:
  void cancel_reservation();

  using Sessions = std::unordered_map<Session::Id, std::shared_ptr<Session>>;
  static std::vector<std::shared_ptr<Session>> values(const Sessions& sessions);
  static grpc::Status closed_status();

  mutable std::mutex mutex_;
  const std::size_t max_sessions_;
  bool closed_ = false;
  std::size_t reserved_ = 0;  // reserved, not yet filled
  Session::Id next_id_ = 0;
  Sessions sessions_;
};

}  // namespace compiler_gym

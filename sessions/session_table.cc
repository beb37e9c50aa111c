#include "sessions/session_table.h"

#include <fmt/core.h>

#include "sessions/session_rules.h"

namespace compiler_gym {

void SessionTable::cancel_reservation() {
  const std::lock_guard lock(mutex_);
  --reserved_;
}

Result<SessionTable::Reservation> SessionTable::reserve() {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    return closed_status();
  }
  if (sessions_.size() + reserved_ >= max_sessions_) {
    return resource_exhausted(fmt::format("{} sessions are open or starting, the limit is {}",
                                          sessions_.size() + reserved_, max_sessions_));
  }
  ++reserved_;
  return Reservation(Reserved{this});
}

Result<std::shared_ptr<Session>> SessionTable::find(Session::Id id) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = sessions_.find(id); found != sessions_.end()) {
      return found->second;
    }
  }
  return session_not_found(id);
}

SessionTable::Removed SessionTable::remove(Session::Id id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Session> session;
  if (const auto found = sessions_.find(id); found != sessions_.end()) {
    session = std::move(found->second);
    sessions_.erase(found);
  }
  return {std::move(session), sessions_.size()};
}

std::vector<std::shared_ptr<Session>> SessionTable::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  return values(std::exchange(sessions_, {}));
}

std::vector<std::shared_ptr<Session>> SessionTable::all() const {
  const std::lock_guard lock(mutex_);
  return values(sessions_);
}

std::vector<std::shared_ptr<Session>> SessionTable::values(const Sessions& sessions) {
  std::vector<std::shared_ptr<Session>> values;
  values.reserve(sessions.size());
  for (const auto& [id, session] : sessions) {
    values.push_back(session);
  }
  return values;
}

grpc::Status SessionTable::closed_status() {
  return unavailable("The service is shutting down: no session can be started");
}

std::size_t SessionTable::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace compiler_gym

#include "async_server/internal/reply_budget.h"

namespace compiler_gym::internal {

void ReplyBudget::Reply::remove() {
  if (budget_ != nullptr) {
    const std::lock_guard lock(budget_->mutex_);
    budget_->remove_locked(*this);
  }
}

void ReplyBudget::add(Reply& reply, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  reply.budget_ = this;
  reply.bytes_ = bytes;
  replies_.push_back(reply);
  bytes_ += bytes;
  while ((bytes_ > limit_.bytes || replies_.size() > limit_.replies) && replies_.size() > 1) {
    Reply& oldest = replies_.front();
    remove_locked(oldest);
    ++given_up_;
    oldest.give_up();
  }
}

void ReplyBudget::remove_locked(Reply& reply) {
  if (reply.is_linked()) {
    replies_.erase(replies_.iterator_to(reply));
    bytes_ -= reply.bytes_;
  }
}

ReplyBudget::Amount ReplyBudget::on_their_way() const {
  const std::lock_guard lock(mutex_);
  return {replies_.size(), bytes_};
}

std::uint64_t ReplyBudget::given_up() const {
  const std::lock_guard lock(mutex_);
  return given_up_;
}

}  // namespace compiler_gym::internal

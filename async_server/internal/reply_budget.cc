#include "async_server/internal/reply_budget.h"

#include <algorithm>

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
    Reply& given_up = next_to_give_up_locked();
    remove_locked(given_up);
    ++given_up_;
    given_up.give_up();
  }
}

// Not the last, for which there is to be room.
ReplyBudget::Reply& ReplyBudget::next_to_give_up_locked() {
  const std::size_t others = replies_.size() - 1;
  const std::size_t average = (bytes_ - replies_.back().bytes_) / others;
  return *std::ranges::find_if(replies_,
                               [average](const Reply& one) { return one.bytes_ >= average; });
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

// What is on its way to clients, and who gives way when that is too much.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace compiler_gym::internal {

/// Bounds the replies that gRPC has been given and can't send, because their clients do not read.
/// There is always room for another one: of those that are as large as the others are on average, or larger, the one
/// that has waited longest, which is the slowest reader's, is given up for it, and so on. A small one that gRPC
/// has sent, as its event is just to come, does not pay for large ones. Only a reply that is alone may exceed the bound.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive its replies.
class ReplyBudget {
 public:
  struct Amount {
    std::size_t replies = 0;
    std::size_t bytes = 0;
  };

  /// One reply. Its bytes count from add() until it is removed, given up or destroyed.
  class Reply : public boost::intrusive::list_base_hook<> {
   public:
    Reply() = default;
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    /// Call remove() in the derived class's: afterwards it can't be given up.
    virtual ~Reply() = default;

    void remove();

   protected:
    /// Has to free what the reply holds, soon. Called inside the add() of another one, with a lock
    /// held: it must not call back.
    virtual void give_up() = 0;

   private:
    friend class ReplyBudget;
    ReplyBudget* budget_ = nullptr;  // once it was added
    std::size_t bytes_ = 0;
  };

  /// `max_reply_bytes`: what nobody adds more of at one time; kept here for those who would.
  explicit ReplyBudget(Amount limit, std::size_t max_reply_bytes = SIZE_MAX)
      : limit_(limit), max_reply_bytes_(max_reply_bytes) {}
  ReplyBudget(const ReplyBudget&) = delete;
  ReplyBudget& operator=(const ReplyBudget&) = delete;

  /// Once for each reply.
  void add(Reply& reply, std::size_t bytes);

  [[nodiscard]] std::size_t max_reply_bytes() const { return max_reply_bytes_; }
  [[nodiscard]] Amount on_their_way() const;
  /// How many, over the life of this object.
  [[nodiscard]] std::uint64_t given_up() const;

 private:
  void remove_locked(Reply& reply);
  [[nodiscard]] Reply& next_to_give_up_locked();

  const Amount limit_;
  const std::size_t max_reply_bytes_;
  mutable std::mutex mutex_;
  boost::intrusive::list<Reply> replies_;  // in the order they came
  std::size_t bytes_ = 0;                  // of them together
  std::uint64_t given_up_ = 0;
};

}  // namespace compiler_gym::internal

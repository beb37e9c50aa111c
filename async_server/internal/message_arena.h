// Where the messages of one request lie.
#pragma once

#include <google/protobuf/arena.h>

#include <array>
#include <cstddef>
#include <utility>

namespace compiler_gym::internal {

/// An arena whose first `kFirstBlock` bytes are its own, so that small messages cost no allocation.
template <std::size_t kFirstBlock>
class MessageArena {
 public:
  MessageArena() : arena_(starting_in(first_block_)) {}

  template <typename Message>
  [[nodiscard]] Message& make() {
    return *google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

  /// What is no message.
  template <typename Object, typename... Args>
  [[nodiscard]] Object& make_object(Args&&... args) {
    return *google::protobuf::Arena::Create<Object>(&arena_, std::forward<Args>(args)...);
  }

  /// Destroys every message.
  void reset() { arena_.Reset(); }

 private:
  using Block = std::array<char, kFirstBlock>;

  static google::protobuf::ArenaOptions starting_in(Block& block) {
    google::protobuf::ArenaOptions options;
    options.initial_block = block.data();
    options.initial_block_size = block.size();
    return options;
  }

  Block first_block_;  // before the arena that starts in it
  google::protobuf::Arena arena_;
};

}  // namespace compiler_gym::internal

// Whose turn it is among clients that wait.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <list>
#include <unordered_map>
#include <utility>

namespace compiler_gym {

/// A queue for each client: clients take turns, and what one client waits for comes first in, first
/// out. However much one of them asks for, another waits for no more than one of its items at a time.
/// Who comes anew has its turn after all that wait.
/// Threads: one at a time.
template <typename Client, typename Item>
class FairQueue {
 public:
  void push(Client client, Item item) {
    line_of(client).items.push_back(std::move(item));
    ++size_;
  }
  /// To come out next.
  void push_front(Client client, Item item) {
    line_of(client).items.push_front(std::move(item));
    lines_.splice(lines_.begin(), lines_, by_client_.at(client));
    ++size_;
  }

  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  // Unless empty().
  [[nodiscard]] const Item& front() const { return lines_.front().items.front(); }
  [[nodiscard]] Item pop() {
    const auto line = lines_.begin();
    Item item = std::move(line->items.front());
    line->items.pop_front();
    lines_.splice(lines_.end(), lines_, line);
    erase_if_empty(line);
    --size_;
    return item;
  }

  /// Takes those of the client's out that fulfil the predicate. Returns how many.
  template <typename Predicate>
  std::size_t erase_if(Client client, Predicate predicate) {
    const auto found = by_client_.find(client);
    if (found == by_client_.end()) {
      return 0;
    }
    const auto line = found->second;
    const std::size_t erased = std::erase_if(line->items, std::move(predicate));
    erase_if_empty(line);
    size_ -= erased;
    return erased;
  }

 private:
  struct Line {
    Client client;
    std::deque<Item> items{};
  };
  using Lines = std::list<Line>;

  Line& line_of(Client client) {
    const auto [found, added] = by_client_.try_emplace(client);
    if (added) {
      found->second = lines_.insert(lines_.end(), Line{client});
    }
    return *found->second;
  }
  void erase_if_empty(typename Lines::iterator line) {
    if (line->items.empty()) {
      by_client_.erase(line->client);
      lines_.erase(line);
    }
  }

  Lines lines_;  // none of them empty, the one whose turn is next in front
  std::unordered_map<Client, typename Lines::iterator> by_client_;
  std::size_t size_ = 0;
};

}  // namespace compiler_gym

// A completion handler of any type, kept until its operation completes.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <cassert>
#include <type_traits>
#include <utility>

#include "core/pending_handler.h"

namespace compiler_gym {

/// A move-only completion handler, type-erased so that an operation can be stored in a plain class.
/// Calling it, once, dispatches the handler to its associated executor, or to the one given for a
/// handler that has none: Asio's own default, system_executor, ends the process when a handler throws.
/// Memory comes from the handler's associated allocator and is given back
/// before the handler runs. Until then the handler's executor is kept from running out of work.
/// Source: asio::any_completion_handler, which erases the executor as well and so allocates once
///         more per completion.
template <typename Signature>
class UniqueHandler;

namespace internal {

/// What a handler's associated executor is if it has none of its own.
struct NoExecutor {};

template <typename Handler>
inline constexpr bool kHasExecutor =
    !std::is_same_v<boost::asio::associated_executor_t<Handler, NoExecutor>, NoExecutor>;

template <typename Handler>
auto own_executor(const Handler& handler) {
  return boost::asio::associated_executor<Handler, NoExecutor>::get(handler, NoExecutor());
}

}  // namespace internal

template <typename... Args>
class UniqueHandler<void(Args...)> {
 public:
  UniqueHandler() = default;

  template <typename Handler>
    requires(!std::is_same_v<std::decay_t<Handler>, UniqueHandler>)
  explicit UniqueHandler(Handler&& handler)
      : UniqueHandler(std::forward<Handler>(handler), internal::own_executor(handler)) {
    static_assert(internal::kHasExecutor<std::decay_t<Handler>>,
                  "a handler needs an executor to run on: bind one to it, or give UniqueHandler a "
                  "fallback, a CallingThreadExecutor if it is to run where the operation ended");
  }

  /// `fallback` is where a handler without an executor of its own runs.
  template <typename Handler, typename Fallback>
  UniqueHandler(Handler&& handler, const Fallback& fallback)
      : holder_(Holder<std::decay_t<Handler>, Fallback>::make(std::forward<Handler>(handler),
                                                              fallback)) {}

  UniqueHandler(UniqueHandler&& other) noexcept : holder_(std::exchange(other.holder_, nullptr)) {}
  UniqueHandler& operator=(UniqueHandler&& other) noexcept {
    UniqueHandler(std::move(other)).swap(*this);
    return *this;
  }
  ~UniqueHandler() {
    if (holder_ != nullptr) {
      holder_->destroy();
    }
  }

  void swap(UniqueHandler& other) noexcept { std::swap(holder_, other.holder_); }
  explicit operator bool() const { return holder_ != nullptr; }

  void operator()(Args... args) {
    assert(holder_ != nullptr && "a completion handler is called exactly once");
    std::exchange(holder_, nullptr)->complete(std::move(args)...);
  }

 private:
  class Erased {
   public:
    virtual void complete(Args... args) = 0;
    virtual void destroy() = 0;

   protected:
    ~Erased() = default;
  };

  template <typename Handler, typename Fallback>
  class Holder final
      : public Erased,
        public internal::PendingHandler<Holder<Handler, Fallback>, Handler, Fallback> {
   public:
    using Pending = internal::PendingHandler<Holder, Handler, Fallback>;
    using Pending::Pending;

    void complete(Args... args) override {
      Pending::template complete<Args...>(std::move(args)...);
    }
    void destroy() override { Pending::destroy(); }
  };

  Erased* holder_ = nullptr;
};

}  // namespace compiler_gym

// A completion handler of any type, kept until its operation completes.
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/system_executor.hpp>
#include <cassert>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace compiler_gym {

/// The executor of `handler` (`fallback` where it names none), kept from running out of work while held.
template <typename Handler, typename Fallback>
auto tracked_executor(const Handler& handler, const Fallback& fallback) {
  return boost::asio::prefer(boost::asio::get_associated_executor(handler, fallback),
                             boost::asio::execution::outstanding_work.tracked);
}

/// A move-only completion handler, type-erased so that an operation can be stored in a plain class.
/// Calling it, once, dispatches the handler to its associated executor; a handler without one runs where the call is
/// made. Memory comes from the handler's associated allocator and is given back before the handler runs. Until then
/// the handler's executor is kept from running out of work.
/// Source: asio::any_completion_handler, which Boost 1.81 does not have yet.
template <typename Signature>
class UniqueHandler;

template <typename... Args>
class UniqueHandler<void(Args...)> {
 public:
  UniqueHandler() = default;

  template <typename Handler>
    requires(!std::is_same_v<std::decay_t<Handler>, UniqueHandler>)
  explicit UniqueHandler(Handler&& handler)
      : UniqueHandler(std::forward<Handler>(handler), boost::asio::system_executor()) {}

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
  class Holder final : public Erased {
   public:
    using Allocator = typename std::allocator_traits<
        boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<Holder>;
    using AllocatorTraits = std::allocator_traits<Allocator>;
    using Executor = decltype(tracked_executor(std::declval<const Handler&>(),
                                               std::declval<const Fallback&>()));

    template <typename H>
    static Holder* make(H&& handler, const Fallback& fallback) {
      Allocator allocator(boost::asio::get_associated_allocator(handler));
      Holder* memory = AllocatorTraits::allocate(allocator, 1);
      try {
        return ::new (static_cast<void*>(memory)) Holder(std::forward<H>(handler), fallback);
      } catch (...) {
        AllocatorTraits::deallocate(allocator, memory, 1);
        throw;
      }
    }

    void complete(Args... args) override {
      Handler handler(std::move(handler_));
      Executor executor(std::move(executor_));
      destroy();  // before the handler runs, so that it can reuse the memory
      boost::asio::dispatch(
          executor, [handler = std::move(handler),
                     arguments = std::tuple<Args...>(std::move(args)...)]() mutable {
            std::apply(std::move(handler), std::move(arguments));
          });
    }

    void destroy() override {
      Allocator allocator(boost::asio::get_associated_allocator(handler_));
      this->~Holder();
      AllocatorTraits::deallocate(allocator, this, 1);
    }

   private:
    template <typename H>
    Holder(H&& handler, const Fallback& fallback)
        : handler_(std::forward<H>(handler)), executor_(tracked_executor(handler_, fallback)) {}
    ~Holder() = default;

    Handler handler_;
    Executor executor_;
  };

  Erased* holder_ = nullptr;
};

}  // namespace compiler_gym

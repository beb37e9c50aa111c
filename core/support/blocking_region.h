// Says that a thread waits for what others compute.
#pragma once

namespace compiler_gym {

/// A stretch of code that does nothing but wait for the work of others. While it lasts on a thread of a
/// WorkerPool, another thread has its place there, so that what the pool is to do is not held up by
/// those who only wait. On any other thread it does nothing. May be nested.
/// Threads: stays on the one that made it.
class BlockingRegion {
 public:
  /// Told of a thread's regions, on that thread.
  class Observer {
   public:
    virtual void on_blocked() noexcept = 0;
    virtual void on_unblocked() noexcept = 0;

   protected:
    ~Observer() = default;
  };
  /// Of those of this thread, from here on; must outlive it.
  static void set_observer(Observer& observer) noexcept;

  BlockingRegion() noexcept;
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;
  ~BlockingRegion();
};

}  // namespace compiler_gym

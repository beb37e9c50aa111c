// What a completion queue gives back: the object an event returns to.
#pragma once

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace compiler_gym {

/// The receiver of one gRPC event, armed by passing `armed()` as the `void*` tag of exactly one
/// gRPC operation.
/// Threads:  on_event() runs on the thread that reads the queue (see CompletionQueuePump).
/// Lifetime: must live until on_event() is called; may destroy itself in it.
class CompletionTag {
 public:
  /// `ok` as the gRPC operation defines it: false from a request for a call means that the server
  /// is shutting down.
  virtual void on_event(bool ok) = 0;

  /// The tag to hand to gRPC. Take it last: from the gRPC call on, this object belongs to the
  /// queue.
  [[nodiscard]] void* armed() {
#if defined(__SANITIZE_THREAD__)
    // Debian's libgrpc is not instrumented, so ThreadSanitizer cannot see that a queue orders what
    // was written before an operation was started with what happens after its event was read.
    __tsan_release(this);
#endif
    return this;
  }

  /// The other end: turns the `void*` read from a queue back into its tag.
  [[nodiscard]] static CompletionTag& from_queue(void* tag) {
#if defined(__SANITIZE_THREAD__)
    __tsan_acquire(tag);
#endif
    return *static_cast<CompletionTag*>(tag);
  }

 protected:
  ~CompletionTag() = default;
};

}  // namespace compiler_gym

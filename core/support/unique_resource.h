// Ownership of something that has to be given back.
#pragma once

#include <utility>

namespace compiler_gym {

/// Owns at most one resource, and gives it back once: when it is destroyed, reset or assigned to.
/// Move-only; what was moved from owns nothing.
/// A Handle is a small value that says by `explicit operator bool` whether it stands for anything, as
/// one made by default does not, and gives that back by `void give_back() noexcept`.
///
/// Threads: one at a time.
/// Source:  std::experimental::unique_resource, of the Library Fundamentals TS v3; here what gives
///          back is a part of the handle, so that neither can be had without the other.
template <typename Handle>
class UniqueResource {
 public:
  UniqueResource() = default;
  explicit UniqueResource(Handle handle) noexcept : handle_(std::move(handle)) {}
  UniqueResource(UniqueResource&& other) noexcept : handle_(other.release()) {}
  UniqueResource& operator=(UniqueResource&& other) noexcept {
    // Has the new one before it gives the old one back: that may run code which looks here.
    UniqueResource old(std::exchange(handle_, other.release()));
    return *this;
  }
  ~UniqueResource() {
    static_assert(noexcept(handle_.give_back()), "to give back must not fail");
    if (handle_) {
      handle_.give_back();
    }
  }

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(handle_); }
  [[nodiscard]] const Handle& get() const { return handle_; }
  /// Gives up ownership without giving the resource back.
  [[nodiscard]] Handle release() { return std::exchange(handle_, Handle()); }
  void reset() { UniqueResource old(release()); }

 private:
  Handle handle_{};
};

}  // namespace compiler_gym

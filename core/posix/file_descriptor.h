// A file descriptor with an owner.
#pragma once

#include <unistd.h>

#include "core/support/unique_resource.h"

namespace compiler_gym {

namespace internal {

struct OpenFile {
  int fd = -1;
  explicit operator bool() const { return fd >= 0; }
  void give_back() noexcept { close(fd); }
};

}  // namespace internal

/// Closes what it holds. Move-only; -1 is nothing.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : file_(internal::OpenFile{fd}) {}

  [[nodiscard]] int get() const { return file_.get().fd; }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(file_); }
  [[nodiscard]] int release() { return file_.release().fd; }
  void reset() { file_.reset(); }

 private:
  UniqueResource<internal::OpenFile> file_;
};

}  // namespace compiler_gym

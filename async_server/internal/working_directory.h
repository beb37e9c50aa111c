// Where a service process keeps its files.
#pragma once

#include <boost/filesystem/path.hpp>

#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// An existing directory with `logs/` in it, of one service at a time: the lock on a file in it is
/// taken before anything else is written, and goes with the process, however that ends.
/// Lifetime: one that was made because none was asked for is nobody's but the service's: it is
///           removed with everything in it when this is destroyed. One that was asked for stays, as
///           whoever named it reads its files after the service has ended.
class WorkingDirectory {
 public:
  /// Makes `asked_for` with its parents; if it is empty, a new directory under the temporary
  /// directory, which only this user can look into.
  /// Errors: FAILED_PRECONDITION if another service uses it, with that one's process id; INTERNAL
  ///         with the path and the system's reason.
  [[nodiscard]] static Result<WorkingDirectory> prepare(const boost::filesystem::path& asked_for);

  WorkingDirectory(WorkingDirectory&& other) noexcept;
  WorkingDirectory& operator=(WorkingDirectory&&) = delete;
  ~WorkingDirectory();

  /// Absolute.
  [[nodiscard]] const boost::filesystem::path& path() const { return path_; }

 private:
  WorkingDirectory(boost::filesystem::path path, bool own) : path_(std::move(path)), own_(own) {}

  [[nodiscard]] grpc::Status lock();

  boost::filesystem::path path_;
  FileDescriptor lock_;  // unlocked when it is closed
  bool own_;
};

}  // namespace compiler_gym::internal

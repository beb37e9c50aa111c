// A directory that goes when its owner goes.
#pragma once

#include <boost/filesystem/path.hpp>

#include "core/support/status.h"

namespace compiler_gym {

/// Move-only; the directory and all that is in it are removed with the object. What can't be
/// removed is left for whoever removes the working directory.
class ScratchDirectory {
 public:
  /// Makes a directory of a new name in `parent`, which is made as well if need be.
  /// Errors: disk_error().
  [[nodiscard]] static Result<ScratchDirectory> create(const boost::filesystem::path& parent);

  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  /// Absolute.
  [[nodiscard]] const boost::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(boost::filesystem::path path);
  boost::filesystem::path path_;
};

}  // namespace compiler_gym

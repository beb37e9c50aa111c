// A disk that is full.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstddef>
#include <string>

namespace compiler_gym::testing {

/// Moves the process into a mount namespace of its own, as root or else as root of a user namespace,
/// so that it may mount file systems which nobody else sees, but the processes it starts. Only a
/// process of one thread can. Returns why it can't; nothing if it could.
[[nodiscard]] std::string enter_own_mount_namespace();

/// A file system in memory, of so many bytes, on a directory that exists.
/// Lifetime: destroying it lets go of the mount; files that are open stay.
class SmallDisk {
 public:
  /// Throws std::system_error.
  SmallDisk(boost::filesystem::path directory, std::size_t bytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  /// Takes all the room that is left.
  void fill() const;
  /// Gives it back.
  void make_room() const;

 private:
  const boost::filesystem::path directory_;
};

}  // namespace compiler_gym::testing

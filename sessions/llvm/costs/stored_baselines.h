// What benchmarks cost at the compiler's own levels, over restarts of the service.
#pragma once

#include <array>
#include <boost/filesystem/path.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace compiler_gym {

/// A file of numbers by the hash of what they were computed from. To find one out takes seconds for a
/// large program; services that keep their working directory, and the processes of one service, do so
/// once.
/// File:    a table of kEntries places of 64 bytes. A number has one place, and another one that falls on
///          it takes it: the file does not grow, and as most of it is never written it is small on disk.
///          Each entry has a check sum; one that is damaged, or half written, counts as none.
/// Threads: every member may be called from any thread, and on one file in any process, without locks.
/// Errors:  none: what can't be read is not known, and what can't be written is forgotten.
class StoredBaselines {
 public:
  static constexpr std::size_t kEntries = std::size_t{1} << 16;
  using Key = std::array<std::uint8_t, 32>;

  explicit StoredBaselines(boost::filesystem::path file);

  [[nodiscard]] std::optional<std::int64_t> find(const Key& key) const;
  void store(const Key& key, std::int64_t value) const;

  /// Looks through the whole file, and clears what is damaged. Returns how many entries that were.
  std::size_t repair() const;

  [[nodiscard]] const boost::filesystem::path& file() const { return file_; }

 private:
  const boost::filesystem::path file_;
};

}  // namespace compiler_gym

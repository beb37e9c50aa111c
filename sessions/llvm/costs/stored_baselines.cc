#include "sessions/llvm/costs/stored_baselines.h"

#include <fcntl.h>
#include <llvm/Support/BLAKE3.h>
#include <unistd.h>

#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/support/unique_resource.h"

namespace compiler_gym {
namespace {

struct StoredEntry {
  StoredBaselines::Key key{};
  std::int64_t value = 0;
  std::array<std::uint8_t, 8> check{};
  std::array<std::uint8_t, 16> unused{};

  friend bool operator==(const StoredEntry&, const StoredEntry&) = default;
};
static_assert(sizeof(StoredEntry) == 64 && std::is_trivially_copyable_v<StoredEntry>);

std::array<std::uint8_t, 8> check_sum(const StoredEntry& entry) {
  llvm::BLAKE3 hasher;
  hasher.update(llvm::ArrayRef(entry.key));
  hasher.update(
      llvm::ArrayRef(reinterpret_cast<const std::uint8_t*>(&entry.value), sizeof entry.value));
  return hasher.final<8>();
}

bool is_sound(const StoredEntry& entry) {
  return entry.check == check_sum(entry);
}

off_t place_of(const StoredBaselines::Key& key) {
  std::uint32_t number = 0;
  std::memcpy(&number, key.data(), sizeof number);
  return static_cast<off_t>((number % StoredBaselines::kEntries) * sizeof(StoredEntry));
}

struct OpenFile {
  int descriptor = -1;
  explicit operator bool() const { return descriptor >= 0; }
  void give_back() noexcept { ::close(descriptor); }
};
using OwnedFile = UniqueResource<OpenFile>;

// Nothing that a link leads to: the directory may be one that others write to.
OwnedFile open_file(const boost::filesystem::path& path, int flags) {
  return OwnedFile(OpenFile{::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)});
}

}  // namespace

StoredBaselines::StoredBaselines(boost::filesystem::path file) : file_(std::move(file)) {}

std::optional<std::int64_t> StoredBaselines::find(const Key& key) const {
  const OwnedFile opened = open_file(file_, O_RDONLY);
  StoredEntry entry;
  const bool known =
      opened &&
      pread(opened.get().descriptor, &entry, sizeof entry, place_of(key)) == sizeof entry &&
      entry.key == key && is_sound(entry);
  return known ? std::optional(entry.value) : std::nullopt;
}

void StoredBaselines::store(const Key& key, std::int64_t value) const {
  StoredEntry entry{.key = key, .value = value};
  entry.check = check_sum(entry);
  if (const OwnedFile opened = open_file(file_, O_WRONLY | O_CREAT); opened) {
    // What is written in part has a wrong check sum.
    [[maybe_unused]] const ssize_t written =
        pwrite(opened.get().descriptor, &entry, sizeof entry, place_of(key));
  }
}

std::size_t StoredBaselines::repair() const {
  constexpr std::size_t kEntriesAtATime = 1024;
  const OwnedFile opened = open_file(file_, O_RDWR);
  std::vector<StoredEntry> entries(kEntriesAtATime);
  std::size_t damaged = 0;
  for (std::size_t first = 0; opened && first < kEntries; first += kEntriesAtATime) {
    const auto offset = static_cast<off_t>(first * sizeof(StoredEntry));
    const ssize_t size = pread(opened.get().descriptor, entries.data(),
                               entries.size() * sizeof(StoredEntry), offset);
    const std::size_t count =
        size > 0 ? static_cast<std::size_t>(size) / sizeof(StoredEntry) : std::size_t{0};
    for (std::size_t i = 0; i < count; ++i) {
      if (entries[i] == StoredEntry() || is_sound(entries[i])) {
        continue;
      }
      ++damaged;
      const StoredEntry empty;
      [[maybe_unused]] const ssize_t written =
          pwrite(opened.get().descriptor, &empty, sizeof empty,
                 offset + static_cast<off_t>(i * sizeof(StoredEntry)));
    }
  }
  return damaged;
}

}  // namespace compiler_gym

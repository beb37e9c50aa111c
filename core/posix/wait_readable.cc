#include "core/posix/wait_readable.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <ctime>

namespace compiler_gym {
namespace {

// Of pselect6(), which looks at no limit but at the numbers themselves, and at any: FD_SETSIZE is the C
// library's. As many as a process has at most on this machine, unless somebody has raised fs.nr_open.
constexpr std::size_t kBitsPerWord = sizeof(unsigned long) * CHAR_BIT;
constexpr std::size_t kMaxDescriptors = std::size_t{1} << 20;
using DescriptorSet = std::array<unsigned long, kMaxDescriptors / kBitsPerWord>;

unsigned long bit_of(int descriptor) {
  return 1UL << (static_cast<std::size_t>(descriptor) % kBitsPerWord);
}

unsigned long& word_of(DescriptorSet& set, int descriptor) {
  return set.at(static_cast<std::size_t>(descriptor) / kBitsPerWord);
}

int select_readable(std::span<pollfd> descriptors, std::chrono::milliseconds timeout) {
  DescriptorSet set;  // NOLINT(cppcoreguidelines-pro-type-member-init): as far as it is looked at
  int highest = -1;
  for (const pollfd& descriptor : descriptors) {
    highest = std::max(highest, descriptor.fd);
  }
  std::fill_n(set.begin(),
              (static_cast<std::size_t>(highest + 1) + kBitsPerWord - 1) / kBitsPerWord, 0UL);
  for (const pollfd& descriptor : descriptors) {
    if (descriptor.fd >= 0) {
      word_of(set, descriptor.fd) |= bit_of(descriptor.fd);
    }
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
  timespec left{.tv_sec = seconds.count(),
                .tv_nsec = std::chrono::nanoseconds(timeout - seconds).count()};
  const long ready = syscall(SYS_pselect6, highest + 1, set.data(), nullptr, nullptr,
                             timeout < std::chrono::milliseconds(0) ? nullptr : &left, nullptr);
  for (pollfd& descriptor : descriptors) {
    const bool is_ready = ready > 0 && descriptor.fd >= 0 &&
                          (word_of(set, descriptor.fd) & bit_of(descriptor.fd)) != 0;
    descriptor.revents = is_ready ? POLLIN : static_cast<short>(0);
  }
  return static_cast<int>(std::max(ready, 0L));
}

}  // namespace

int wait_readable(std::span<pollfd> descriptors, std::chrono::milliseconds timeout) {
  const int ready = poll(
      descriptors.data(), descriptors.size(),
      static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(timeout.count(), -1, INT_MAX)));
  if (ready >= 0) {
    return ready;
  }
  if (errno == EINVAL) {
    return select_readable(descriptors, timeout);
  }
  for (pollfd& descriptor : descriptors) {
    descriptor.revents = 0;
  }
  return 0;
}

}  // namespace compiler_gym

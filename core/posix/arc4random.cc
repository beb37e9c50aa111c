// arc4random(), which libstdc++'s std::random_device calls where glibc has it, that is from 2.36 on; here for programs that
// contain libstdc++ and are to run where glibc is older. Its bytes come from the kernel, as glibc's do.
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

extern "C" std::uint32_t arc4random() noexcept {
  std::uint32_t number = 0;
  ssize_t size = 0;
  do {
    size = getrandom(&number, sizeof number, 0);  // as few bytes as these are never split
  } while (size < 0 && errno == EINTR);
  if (size != sizeof number) {
    // No number is better than one that can be guessed, and there is no way to say so.
    std::abort();
  }
  return number;
}

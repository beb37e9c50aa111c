#include "sessions/llvm/ir/llvm_call.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>

namespace compiler_gym {
namespace {

std::atomic<std::uint64_t> crashes = 0;
std::atomic<std::uint64_t> leaked_bytes = 0;

}  // namespace

grpc::Status LlvmCall::status() const {
  switch (end) {
    case End::kReturned:
      return grpc::Status::OK;
    case End::kCrashed:
      return out_of_memory
                 ? resource_exhausted("LLVM ran out of memory while " + doing + ": " + reason)
                 : data_loss("LLVM crashed while " + doing + ": " + reason);
    case End::kNotStarted:
      return cancelled("Cancelled before " + doing);
  }
  return grpc::Status::OK;
}

CrashLosses crash_losses() {
  return {crashes, leaked_bytes};
}

grpc::Status refuse_after_losses(std::uint64_t max_leaked_bytes) {
  const CrashLosses losses = crash_losses();
  if (losses.leaked_bytes <= max_leaked_bytes) {
    return grpc::Status::OK;
  }
  return resource_exhausted(fmt::format(
      "LLVM has crashed {} times in this process, and what that has leaked, {} MB, is more than "
      "its "
      "limit of {} MB. Open sessions go on; new ones need an isolated executor, or a service that "
      "is started again",
      losses.crashes, losses.leaked_bytes >> 20U, max_leaked_bytes >> 20U));
}

void count_leaked_bytes(std::uint64_t bytes) {
  leaked_bytes += bytes;
}

std::uint64_t internal::pages_touched_by_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt);
}

void internal::count_crash(std::uint64_t pages) {
  static const auto page_size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  ++crashes;
  leaked_bytes += pages * page_size;
}

}  // namespace compiler_gym

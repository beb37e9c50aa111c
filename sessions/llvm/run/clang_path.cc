#include "sessions/llvm/run/clang_path.h"

#include <unistd.h>

#include <boost/filesystem.hpp>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

#include "core/posix/child_process.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

// The number after "clang version ", which may follow the name of a vendor.
std::optional<int> major_version(std::string_view output) {
  constexpr std::string_view kBefore = "clang version ";
  const std::size_t found = output.find(kBefore);
  if (found == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view number = output.substr(found + kBefore.size());
  int major = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), major);
  return error == std::errc() ? std::optional(major) : std::nullopt;
}

// Empty if the candidate will do. RESOURCE_EXHAUSTED: it can't be asked now.
Result<std::string> what_is_wrong_with(const fs::path& candidate) {
  if (access(candidate.c_str(), X_OK) != 0) {
    return std::string("can't be run");
  }
  ShellCommand ask;
  ask.command = "exec \"$CLANG\" --version";
  ask.directory = "/";
  ask.environment = {{"CLANG", candidate.string()}};
  const Result<ProcessResult> answer = run_shell_command(ask, std::stop_token());
  if (!answer && answer.error().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    return answer.error();
  }
  if (!answer || !answer->succeeded()) {
    return std::string("does not tell its version");
  }
  const std::optional<int> version = major_version(answer->standard_output);
  if (!version.has_value()) {
    return std::string("does not tell its version");
  }
  if (*version < COMPILER_GYM_LLVM_VERSION_MAJOR) {
    return "is version " + std::to_string(*version) + ", which can't read the bitcode of " +
           std::to_string(COMPILER_GYM_LLVM_VERSION_MAJOR);
  }
  return std::string();
}

}  // namespace

std::vector<fs::path> clang_candidates() {
  std::vector<fs::path> candidates;
  if (const char* site_data = std::getenv("COMPILER_GYM_SITE_DATA"); site_data != nullptr) {
    candidates.push_back(fs::path(site_data) / "llvm-v0" / "bin" / "clang");
  }
  candidates.emplace_back(COMPILER_GYM_LLVM_TOOLS_DIR "/clang");
  return candidates;
}

ClangPath::ClangPath(std::vector<fs::path> candidates) : candidates_(std::move(candidates)) {}

Result<std::string> ClangPath::get() {
  const std::lock_guard lock(mutex_);
  if (!found_.empty()) {
    return found_;
  }
  std::string reasons;
  for (const fs::path& candidate : candidates_) {
    const Result<std::string> reason = what_is_wrong_with(candidate);
    if (!reason) {
      return reason.error();
    }
    if (reason->empty()) {
      found_ = candidate.string();
      return found_;
    }
    reasons += (reasons.empty() ? "" : "; ") + candidate.string() + " " + *reason;
  }
  return failed_precondition("No clang to build with: " + reasons);
}

}  // namespace compiler_gym

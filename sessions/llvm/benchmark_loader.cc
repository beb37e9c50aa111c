#include "sessions/llvm/benchmark_loader.h"

#include <fcntl.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/Module.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "core/file_descriptor.h"
#include "sessions/llvm/crash_recovery.h"
#include "sessions/llvm/ir_module.h"

namespace compiler_gym {
namespace {

constexpr std::string_view kFileScheme = "file:///";

grpc::Status reading_error(const std::string& path, const std::string& reason) {
  return invalid_argument("Error reading file: \"" + path + "\": " + reason);
}

void anonymise(llvm::Module& module) {
  module.setModuleIdentifier("-");
  module.setSourceFileName("-");
  llvm::StripDebugInfo(module);
  while (!module.named_metadata_empty()) {
    module.eraseNamedMetadata(&*module.named_metadata_begin());
  }
}

}  // namespace

Result<std::string> path_from_file_uri(const std::string& uri) {
  if (!uri.starts_with(kFileScheme)) {
    return invalid_argument(
        "Invalid benchmark data URI. Only the file:/// scheme is supported: \"" + uri + "\"");
  }
  return uri.substr(kFileScheme.size());
}

Result<std::string> read_program_file(const std::string& path) {
  // Non-blocking, as opening a pipe would wait for its writer.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      return not_found("File not found: \"" + path + "\"");
    }
    return reading_error(path, std::strerror(error));
  }
  struct stat status{};
  if (fstat(file.get(), &status) != 0) {
    return reading_error(path, std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return reading_error(path, "not a regular file");
  }
  if (status.st_size == 0) {
    return invalid_argument("File is empty: \"" + path + "\"");
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return reading_error(path, count < 0 ? std::strerror(errno) : "it became shorter meanwhile");
    }
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<std::string> normalise_bitcode(std::string_view bitcode, const std::string& benchmark_uri) {
  std::optional<IrModule> module;
  grpc::Status verified;
  std::string normalised;
  const std::optional<std::string> crash = run_recovering([&] {
    Result<IrModule> parsed = IrModule::parse(bitcode);
    if (!parsed) {
      return;
    }
    module.emplace(std::move(*parsed));
    anonymise(**module);
    verified = verify(**module);
    if (verified.ok()) {
      normalised = write_bitcode(**module);
    }
  });
  if (crash.has_value() && module.has_value()) {
    module->abandon();
  }
  if (crash.has_value() || !module.has_value()) {
    return invalid_argument("Failed to parse LLVM bitcode: \"" + benchmark_uri + "\"");
  }
  if (!verified.ok()) {
    return verified;
  }
  return normalised;
}

}  // namespace compiler_gym

#include "async_server/internal/sandbox_confinement.h"

#include <fmt/core.h>

#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <cstdlib>
#include <utility>

#include "core/posix/confinement.h"

namespace compiler_gym::internal {

Result<std::optional<isolated::Confinement>> sandbox_confinement(const ServiceCommand& command) {
  const ConfinementSupport support = confinement_support();
  if (command.sandbox == SandboxMode::kRequired && !support.complete()) {
    return invalid_argument(fmt::format(
        "flag 'sandbox': sandbox processes can't be confined here as required: of Landlock "
        "(Linux 5.19) and seccomp there is {}",
        to_string(support)));
  }
  if (command.sandbox == SandboxMode::kOff || support.none()) {
    return std::nullopt;
  }
  isolated::Confinement confinement{.files = access_of_programs(), .by = support};
  FileAccess& files = confinement.files;
  const BenchmarkRoots& roots = command.server.context.benchmark_roots;
  files.read_anything = roots.anywhere();
  for (const auto& directories : {roots.directories(), command.sandbox_read}) {
    files.read.insert(files.read.end(), directories.begin(), directories.end());
  }
  if (const char* site_data = std::getenv("COMPILER_GYM_SITE_DATA"); site_data != nullptr) {
    files.read.emplace_back(site_data);
  }
  // This program, and libraries beside it.
  boost::system::error_code error;
  const auto program = boost::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* beside : {".", "../lib", "../lib64"}) {
    files.read.push_back((program.parent_path() / beside).string());
  }
  return std::optional(std::move(confinement));
}

std::string describe_confinement(const std::optional<isolated::Confinement>& confinement,
                                 SandboxMode mode) {
  if (!confinement) {
    return fmt::format("sandbox processes are not confined: {}",
                       mode == SandboxMode::kOff ? "--sandbox=off"
                                                 : "the kernel has neither Landlock nor seccomp");
  }
  return fmt::format(
      "sandbox processes are confined: {}; they may read {}", to_string(confinement->by),
      confinement->files.read_anything ? "what the service may, as there is no --benchmark_root"
                                       : "the benchmark roots and what programs need");
}

}  // namespace compiler_gym::internal

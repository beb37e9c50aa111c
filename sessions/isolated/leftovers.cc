#include "sessions/isolated/leftovers.h"

#include <unistd.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>

#include "context/compiler_gym_service_context.h"
#include "core/posix/process_mark.h"

namespace compiler_gym::isolated {
namespace {

void remove_scratch(pid_t process, const boost::filesystem::path& working_directory) {
  boost::system::error_code ignored;
  boost::filesystem::remove_all(
      CompilerGymServiceContext::scratchDirectoryOf(process, working_directory), ignored);
}

boost::filesystem::path program_of(pid_t process) {
  boost::system::error_code gone;
  return boost::filesystem::read_symlink("/proc/" + std::to_string(process) + "/exe", gone);
}

}  // namespace

void remove_scratch_of(const std::vector<EndedChild>& processes,
                       const boost::filesystem::path& working_directory) {
  for (const EndedChild& process : processes) {
    if (start_time_of(process.pid) ==
        0) {  // else the number, and the directory, are another's by now
      remove_scratch(process.pid, working_directory);
    }
  }
}

void clean_up_after_sandboxes(const std::vector<EndedChild>& sandboxes, pid_t zygote,
                              const boost::filesystem::path& working_directory) {
  const boost::filesystem::path program = program_of(getpid());
  const auto is_left = [&](pid_t pid) {
    const pid_t session = getsid(pid);
    // Where there is a leader, the number is a new session's, and of the old one nobody was left.
    if (pid != session && start_time_of(session) == 0 &&
        std::any_of(sandboxes.begin(), sandboxes.end(),
                    [&](const auto& sandbox) { return sandbox.pid == session; })) {
      return true;
    }
    // Sandboxes run the service's program, and what has left their POSIX session has run another.
    const boost::filesystem::path its_program = program_of(pid);
    return parent_of(pid) == zygote && session != getsid(zygote) && !its_program.empty() &&
           its_program != program;
  };
  for (const pid_t pid : all_processes()) {
    kill_if(pid, is_left);
  }
  remove_scratch_of(sandboxes, working_directory);
}

void clean_up_after(const Service& service, const boost::filesystem::path& working_directory) {
  kill_marked(service.marks, service.pid);
  remove_scratch(service.pid, working_directory);
}

}  // namespace compiler_gym::isolated

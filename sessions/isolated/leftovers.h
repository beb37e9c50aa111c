// What processes leave behind, and how it is got rid of: for the zygote and its keeper.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "core/posix/processes.h"

namespace compiler_gym::isolated {

/// The process that all this is done for.
struct Service {
  pid_t pid = 0;
  std::string marks;  ///< process_marks_of() it
};

/// How long killed processes are waited for, which the kernel may be busy with.
inline constexpr std::chrono::milliseconds kPatience{2'000};

/// Removes the scratch directories of processes that are gone.
void remove_scratch_of(const std::vector<EndedChild>& processes,
                       const boost::filesystem::path& working_directory);

/// Kills what dead sandboxes have started, and removes their scratch directories.
/// `zygote`: which such processes have come to, unless they are in a dead sandbox's POSIX session.
void clean_up_after_sandboxes(const std::vector<EndedChild>& sandboxes, pid_t zygote,
                              const boost::filesystem::path& working_directory);

/// Likewise after a service that has died.
void clean_up_after(const Service& service, const boost::filesystem::path& working_directory);

}  // namespace compiler_gym::isolated

#include "core/posix/confinement.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "core/posix/file_descriptor.h"

namespace compiler_gym {
namespace {

grpc::Status cannot_confine(const char* what) {
  return unavailable(
      fmt::format("A process can't be confined: {}: {}", what, std::strerror(errno)));
}

// ------------------------------------------------------------------------------------- Landlock

// As of version 6; older kernels take less of it, and the system's header may be older.
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};
constexpr std::uint64_t kTruncate = 1U << 14U;  // version 3
constexpr std::uint64_t kScopeAbstractSockets = 1U << 0U;
constexpr std::uint64_t kScopeSignals = 1U << 1U;

constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr std::uint64_t kWrite =
    kRead | kWriteFile | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
// Devices are nobody's to make.
constexpr std::uint64_t kAll =
    kWrite | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

class Landlock {
 public:
  explicit Landlock(int version) : version_(version) {}

  bool open() {
    Ruleset ruleset{.files = known(kAll)};
    std::size_t size = sizeof(ruleset.files);
    if (version_ >= 6) {
      ruleset.scoped = kScopeAbstractSockets | kScopeSignals;
      size = sizeof(ruleset);
    }
    ruleset_ =
        FileDescriptor(static_cast<int>(syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
    return static_cast<bool>(ruleset_);
  }

  // True also if there is no such file.
  bool allow(const std::string& path, std::uint64_t access) {
    const FileDescriptor file(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status{};
    if (!file || fstat(file.get(), &status) != 0) {
      return !is_shortage(errno);
    }
    const std::uint64_t possible = S_ISDIR(status.st_mode) ? kAll : kReadFile | kWriteFile;
    const landlock_path_beneath_attr rule{.allowed_access = known(access & possible),
                                          .parent_fd = file.get()};
    return syscall(SYS_landlock_add_rule, ruleset_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ==
           0;
  }

  bool restrict() { return syscall(SYS_landlock_restrict_self, ruleset_.get(), 0) == 0; }

 private:
  [[nodiscard]] std::uint64_t known(std::uint64_t access) const {
    return version_ >= 3 ? access : access & ~kTruncate;
  }

  const int version_;
  FileDescriptor ruleset_;
};

grpc::Status confine_files(const FileAccess& files, int version) {
  Landlock landlock(version);
  bool done = landlock.open() && (!files.read_anything || landlock.allow("/", kRead));
  for (const std::string& path : files.read) {
    done = done && landlock.allow(path, kRead);
  }
  for (const std::string& path : files.write) {
    done = done && landlock.allow(path, kWrite);
  }
  return done && landlock.restrict() ? grpc::Status::OK : cannot_confine("landlock");
}

// -------------------------------------------------------------------------------------- seccomp

#if defined(__x86_64__) || defined(__aarch64__)
#define COMPILER_GYM_HAS_SYSTEM_CALL_FILTER 1

namespace filter {

constexpr sock_filter statement(unsigned code, unsigned value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}
constexpr sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
}
// Skips so many if the value is, or is not, this one.
constexpr sock_filter compare(unsigned condition, unsigned value, unsigned if_so, unsigned if_not) {
  return {static_cast<std::uint16_t>(BPF_JMP | condition | BPF_K), static_cast<std::uint8_t>(if_so),
          static_cast<std::uint8_t>(if_not), value};
}
constexpr sock_filter answer(unsigned action) {
  return statement(BPF_RET | BPF_K, action);
}
constexpr unsigned refuse(int error) {
  return SECCOMP_RET_ERRNO | static_cast<unsigned>(error);
}

}  // namespace filter

// The low half of an argument, which is all that the kernel looks at in a family of addresses.
constexpr std::size_t kFirstArgument = offsetof(seccomp_data, args);

constexpr std::array kFilter{
    filter::load(offsetof(seccomp_data, arch)),
#if defined(__x86_64__)
    filter::compare(BPF_JEQ, AUDIT_ARCH_X86_64, 8, 0),
    // 32-bit programs: the numbers of socketcall, socket and io_uring_setup.
    filter::compare(BPF_JEQ, AUDIT_ARCH_I386, 0, 6),
    filter::load(offsetof(seccomp_data, nr)),
    filter::compare(BPF_JEQ, 102, 3, 0),
    filter::compare(BPF_JEQ, 359, 2, 0),
    filter::compare(BPF_JEQ, 425, 1, 0),
    filter::answer(SECCOMP_RET_ALLOW),
    filter::answer(filter::refuse(EACCES)),
    filter::answer(filter::refuse(ENOSYS)),
    filter::load(offsetof(seccomp_data, nr)),
    filter::compare(BPF_JGE, 0x40000000U, 5, 0),  // another set of system calls, which nobody uses
#else
    filter::compare(BPF_JEQ, AUDIT_ARCH_AARCH64, 1, 0),
    filter::answer(filter::refuse(ENOSYS)),
    filter::load(offsetof(seccomp_data, nr)),
    filter::compare(BPF_JGE, 0x40000000U, 5, 0),
#endif
    filter::compare(BPF_JEQ, SYS_io_uring_setup, 4, 0),
    filter::compare(BPF_JEQ, SYS_socket, 0, 2),
    filter::load(kFirstArgument),
    filter::compare(BPF_JEQ, AF_UNIX, 0, 2),
    filter::answer(SECCOMP_RET_ALLOW),
    filter::answer(filter::refuse(ENOSYS)),
    filter::answer(filter::refuse(EACCES)),
};

grpc::Status confine_system_calls() {
  auto code = kFilter;
  const sock_fprog program{static_cast<std::uint16_t>(code.size()), code.data()};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? grpc::Status::OK
                                                                   : cannot_confine("seccomp");
}

#else

grpc::Status confine_system_calls() {
  return unavailable("A process can't be confined: seccomp: not on this architecture");
}

#endif

bool has_system_call_filter() {
#if defined(COMPILER_GYM_HAS_SYSTEM_CALL_FILTER)
  const unsigned action = SECCOMP_RET_ERRNO;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
#else
  return false;
#endif
}

// Of a list such as PATH.
void add_directories_of(const char* variable, std::vector<std::string>& paths) {
  const char* const value = std::getenv(variable);
  std::istringstream list(value == nullptr ? "" : value);
  for (std::string directory; std::getline(list, directory, ':');) {
    if (directory.starts_with('/') && directory != "/") {
      paths.push_back(directory);
    }
  }
}

}  // namespace

ConfinementSupport confinement_support() {
  ConfinementSupport support;
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  support.landlock_version = version >= 2 ? static_cast<int>(version) : 0;
  support.seccomp = has_system_call_filter();
  return support;
}

grpc::Status confine(const FileAccess& files, const ConfinementSupport& support) {
  if (support.none()) {
    return grpc::Status::OK;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return cannot_confine("no_new_privs");
  }
  if (support.landlock_version > 0) {
    if (grpc::Status status = confine_files(files, support.landlock_version); !status.ok()) {
      return status;
    }
  }
  return support.seccomp ? confine_system_calls() : grpc::Status::OK;
}

FileAccess access_of_programs() {
  FileAccess access;
  access.read = {"/bin",
                 "/sbin",
                 "/lib",
                 "/lib32",
                 "/lib64",
                 "/libx32",
                 "/usr",
                 "/opt",
                 "/nix/store",
                 "/gnu/store",
                 "/proc",
                 "/sys/devices/system",
                 "/sys/fs/cgroup",
                 "/dev/urandom",
                 "/dev/random",
                 "/etc/alternatives",
                 "/etc/group",
                 "/etc/ld.so.cache",
                 "/etc/ld.so.preload",
                 "/etc/localtime",
                 "/etc/nsswitch.conf",
                 "/etc/passwd"};
  access.write = {"/dev/null", "/dev/zero", "/dev/full", "/dev/tty",
                  "/dev/shm",  "/tmp",      "/var/tmp"};
  add_directories_of("PATH", access.read);
  add_directories_of("LD_LIBRARY_PATH", access.read);
  add_directories_of("TMPDIR", access.write);
  return access;
}

std::string to_string(const ConfinementSupport& support) {
  std::string text;
  if (support.landlock_version > 0) {
    text = fmt::format("files by Landlock (version {})", support.landlock_version);
  }
  if (support.seccomp) {
    text += text.empty() ? "" : ", ";
    text += "network by seccomp";
  }
  return text.empty() ? "nothing: the kernel has neither Landlock nor seccomp" : text;
}

}  // namespace compiler_gym

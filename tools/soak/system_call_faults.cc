#include "tools/soak/system_call_faults.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace compiler_gym {
namespace {

// What the call fails with; 0 if it goes on.
int verdict(Shortage shortage, const seccomp_data& call) {
  switch (shortage) {
    case Shortage::kNone:
      return 0;
    case Shortage::kProcesses:
      switch (call.nr) {
        case SYS_clone:
        case SYS_clone3:
#ifdef SYS_fork
        case SYS_fork:
        case SYS_vfork:
#endif
          return EAGAIN;
        default:
          return 0;
      }
    case Shortage::kMemory:
      return call.nr == SYS_mmap ? ENOMEM : 0;
    case Shortage::kDisk:
      return (call.nr == SYS_openat && (call.args[2] & O_CREAT) != 0) || call.nr == SYS_mkdirat
#ifdef SYS_mkdir
                     || call.nr == SYS_mkdir
#endif
                 ? ENOSPC
                 : 0;
    case Shortage::kFiles:
      switch (call.nr) {
        case SYS_openat:
        case SYS_socket:
        case SYS_socketpair:
        case SYS_accept4:
        case SYS_pipe2:
        case SYS_eventfd2:
        case SYS_pidfd_open:
          return ENFILE;
        default:
          return 0;
      }
  }
  return 0;
}

FileDescriptor checked(int descriptor, const char* what) {
  if (descriptor < 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
  return FileDescriptor(descriptor);
}

}  // namespace

std::string_view to_string(Shortage shortage) {
  switch (shortage) {
    case Shortage::kNone:
      return "no shortage";
    case Shortage::kProcesses:
      return "no process or thread";
    case Shortage::kMemory:
      return "no large piece of memory";
    case Shortage::kDisk:
      return "no room for a file";
    case Shortage::kFiles:
      return "no descriptor in the system";
  }
  return "";
}

SystemCallFaults::SystemCallFaults(const boost::filesystem::path& service)
    : stop_(checked(eventfd(0, EFD_CLOEXEC), "eventfd")) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  here_ = FileDescriptor(ends[0]);
  there_ = FileDescriptor(ends[1]);  // inherited
  fcntl(here_.get(), F_SETFD, FD_CLOEXEC);
  setenv(kServiceVariable, boost::filesystem::absolute(service).c_str(), /*overwrite=*/1);
  setenv(kSocketVariable, std::to_string(there_.get()).c_str(), /*overwrite=*/1);
  thread_ = std::jthread([this] { answer_until_stopped(); });
}

SystemCallFaults::~SystemCallFaults() {
  unsetenv(kServiceVariable);
  unsetenv(kSocketVariable);
  eventfd_write(stop_.get(), 1);
}

void SystemCallFaults::answer_until_stopped() {
  if (!wait_for(here_.get())) {
    return;
  }
  const FileDescriptor listener = receive_listener();
  while (listener && wait_for(listener.get())) {
    answer(listener.get());
  }
}

// False when it is time to stop, or nobody is left on the other side.
bool SystemCallFaults::wait_for(int descriptor) const {
  std::array<pollfd, 2> events{pollfd{descriptor, POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  while (poll(events.data(), events.size(), -1) < 0 && errno == EINTR) {
  }
  return events[1].revents == 0 && (events[0].revents & POLLIN) != 0;
}

FileDescriptor SystemCallFaults::receive_listener() const {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (recvmsg(here_.get(), &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == nullptr) {
    return FileDescriptor();
  }
  int listener = -1;
  std::memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(listener));
  return FileDescriptor(listener);
}

void SystemCallFaults::answer(int listener) {
  seccomp_notif call{};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
    return;  // who called has ended, or was interrupted
  }
  seccomp_notif_resp response{};
  response.id = call.id;
  const int error = verdict(shortage_, call.data);
  if (error == 0) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    response.error = -error;
    ++refused_;
  }
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace compiler_gym

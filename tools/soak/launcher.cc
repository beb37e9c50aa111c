// Becomes a service whose system calls SystemCallFaults may make fail.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tools/soak/system_call_faults.h"

namespace compiler_gym {
namespace {

std::vector<sock_filter> filter() {
  constexpr std::uint32_t kLargeMapping = 8U << 20;
  const std::vector<std::uint32_t> asked_about{
      SYS_clone,      SYS_clone3,  SYS_openat, SYS_mkdirat,  SYS_socket,
      SYS_socketpair, SYS_accept4, SYS_pipe2,  SYS_eventfd2, SYS_pidfd_open,
#ifdef SYS_fork
      SYS_fork,       SYS_vfork,   SYS_mkdir,
#endif
  };
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (const std::uint32_t call : asked_about) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  const std::vector<sock_filter> mappings{
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),  // the low half
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kLargeMapping, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  program.insert(program.end(), mappings.begin(), mappings.end());
  return program;
}

int install(std::vector<sock_filter> instructions) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return -1;
  }
  const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

bool send(int socket, int listener) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &listener, sizeof(listener));
  return sendmsg(socket, &message, 0) == 1;
}

}  // namespace
}  // namespace compiler_gym

int main(int /*argc*/, char** argv) {
  using namespace compiler_gym;
  const char* const service = std::getenv(SystemCallFaults::kServiceVariable);
  const char* const socket_number = std::getenv(SystemCallFaults::kSocketVariable);
  if (service == nullptr || socket_number == nullptr) {
    std::fprintf(stderr, "compiler_gym-soak-launcher: for SystemCallFaults only\n");
    return 2;
  }
  const int socket = std::atoi(socket_number);
  const int listener = install(filter());
  if (listener < 0 || !send(socket, listener)) {
    std::perror("compiler_gym-soak-launcher: no filter");
    return 2;
  }
  close(listener);
  close(socket);
  std::signal(SIGCHLD, SIG_IGN);
  argv[0] = const_cast<char*>(service);
  execv(service, argv);
  std::perror("compiler_gym-soak-launcher: cannot become the service");
  return 2;
}

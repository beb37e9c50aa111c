#include "sessions/isolated/sandbox_host.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "sessions/isolated/frame.h"

namespace compiler_gym::isolated {

std::shared_ptr<SandboxHost> SandboxHost::make(boost::asio::any_io_executor executor, Zygote zygote,
                                               Logger& logger) {
  const std::shared_ptr<SandboxHost> host(
      new SandboxHost(std::move(executor), std::move(zygote), logger));
  host->wait_for_answers();
  return host;
}

SandboxHost::SandboxHost(boost::asio::any_io_executor executor, Zygote zygote, Logger& logger)
    : executor_(std::move(executor)),
      logger_(logger),
      zygote_(std::move(zygote)),
      control_(executor_, fcntl(zygote_.control(), F_DUPFD_CLOEXEC, 0)) {}

void SandboxHost::spawn(SpawnHandler handler) {
  request({.kind = ZygoteRequest::Kind::kSpawn}, {.spawn = std::move(handler), .reap = {}});
}

void SandboxHost::reap(pid_t pid, bool idle, ReapHandler handler) {
  request({.kind = ZygoteRequest::Kind::kReap, .pid = pid, .idle = idle},
          {.spawn = {}, .reap = std::move(handler)});
}

void SandboxHost::request(ZygoteRequest request, Waiting waiting) {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    boost::asio::post(executor_,
                      [waiting = std::move(waiting)]() mutable { fail(std::move(waiting)); });
    return;
  }
  request.tag = next_tag_++;
  waiting_.emplace(request.tag, std::move(waiting));
  unsent_.push_back(request);
  if (!writing_) {
    write_locked();
  }
}

// Directly, mostly; what the socket has no room for, when it has.
void SandboxHost::write_locked() {
  while (!unsent_.empty()) {
    const ZygoteRequest& next = unsent_.front();
    const std::ptrdiff_t sent =
        send_bytes(control_.native_handle(), {reinterpret_cast<const char*>(&next), sizeof(next)},
                   -1, MSG_DONTWAIT);
    if (sent < 0) {
      break;
    }
    unsent_.pop_front();
  }
  // Any other error than a full socket is the zygote's end, which its reader hears of.
  writing_ = !unsent_.empty() && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (writing_) {
    control_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          const std::lock_guard lock(self->mutex_);
                          if (!error && !self->ended_) {
                            self->write_locked();
                          }
                        });
  }
}

void SandboxHost::wait_for_answers() {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    return;
  }
  control_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error) {
                          self->read_answers();
                        }
                      });
}

void SandboxHost::read_answers() {
  for (;;) {
    ZygoteAnswer received;
    FileDescriptor socket;
    std::ptrdiff_t size = 0;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) {
        return;
      }
      size = receive_bytes(control_.native_handle(), reinterpret_cast<char*>(&received),
                           sizeof(received), socket, MSG_DONTWAIT);
    }
    if (size == sizeof(received)) {
      try {
        answer(received, std::move(socket));
      } catch (...) {  // who asked; the others still wait for theirs
        logger_.error("an answer of the process that forks sandboxes: {}",
                      status_from_current_exception().error_message());
      }
    } else if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      wait_for_answers();
      return;
    } else {
      logger_.error(
          "the process that forks sandboxes has ended: no session can be isolated any more");
      fail_all();
      return;
    }
  }
}

void SandboxHost::answer(const ZygoteAnswer& answer, FileDescriptor socket) {
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(answer.tag);
    if (found == waiting_.end()) {
      return;
    }
    waiting = std::move(found->second);
    waiting_.erase(found);
  }
  if (waiting.reap) {
    waiting.reap(answer.result);
  } else if (answer.result == grpc::StatusCode::OK) {
    waiting.spawn(Spawned{std::move(socket), answer.pid});
  } else {
    waiting.spawn(grpc::Status(static_cast<grpc::StatusCode>(answer.result), answer.error.data()));
  }
}

void SandboxHost::fail_all() {
  std::unordered_map<std::uint64_t, Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    control_.close();
    waiting.swap(waiting_);
  }
  for (auto& [tag, one] : waiting) {
    fail(std::move(one));
  }
}

void SandboxHost::fail(Waiting waiting) {
  if (waiting.reap) {
    waiting.reap(kEndUnknown);
  } else {
    waiting.spawn(
        unavailable("No sandbox process can be made: the process that forks them has ended"));
  }
}

void SandboxHost::close() {
  fail_all();
  zygote_.end();
}

}  // namespace compiler_gym::isolated

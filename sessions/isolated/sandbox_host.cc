#include "sessions/isolated/sandbox_host.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "sessions/isolated/frame.h"

namespace compiler_gym::isolated {
namespace {

using boost::asio::posix::stream_descriptor;

template <typename Message>
std::string_view bytes_of(const Message& message) {
  return {reinterpret_cast<const char*>(&message), sizeof(message)};
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

int duplicate_of(int fd) {
  const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) {
    throw std::system_error(errno, std::generic_category(), "the keeper of sandbox processes");
  }
  return duplicate;
}

}  // namespace

std::shared_ptr<SandboxHost> SandboxHost::make(boost::asio::any_io_executor executor, Zygote zygote,
                                               ZygoteTimeouts timeouts, Logger& logger) {
  const std::shared_ptr<SandboxHost> host(
      new SandboxHost(std::move(executor), std::move(zygote), timeouts, logger));
  const std::lock_guard lock(host->mutex_);
  host->wait_for_keeper_locked();
  host->watch_the_time_locked();
  return host;
}

SandboxHost::SandboxHost(boost::asio::any_io_executor executor, Zygote zygote,
                         ZygoteTimeouts timeouts, Logger& logger)
    : executor_(std::move(executor)),
      logger_(logger),
      zygote_(std::move(zygote)),
      keeper_(executor_, duplicate_of(zygote_.control())),
      control_(executor_),
      watch_(timeouts, Clock::now()),
      timer_(executor_) {}

// ------------------------------------------------------------------------------------ requests

void SandboxHost::spawn(SpawnHandler handler) {
  request({.kind = ZygoteRequest::Kind::kSpawn}, {.spawn = std::move(handler)});
}

void SandboxHost::reap(const SandboxId& sandbox, bool idle, ReapHandler handler) {
  request({.kind = ZygoteRequest::Kind::kReap, .idle = idle, .sandbox = sandbox},
          {.reap = std::move(handler)});
}

void SandboxHost::request(ZygoteRequest request, Waiting waiting) {
  AllRefused refused;
  {
    const std::lock_guard lock(mutex_);
    request.tag = next_tag_++;
    waiting.request = request;
    if (closed_) {
      refused.push_back({std::move(waiting), unavailable("The service ends")});
    } else {
      waiting_.emplace(request.tag, std::move(waiting));
      refused = perform_locked(watch_.on_request(request.tag,
                                                 request.kind == ZygoteRequest::Kind::kSpawn
                                                     ? ZygoteWatch::Wish::kSandbox
                                                     : ZygoteWatch::Wish::kItsEnd,
                                                 Clock::now()));
    }
  }
  if (!refused.empty()) {
    boost::asio::post(executor_,
                      [refused = std::move(refused)]() mutable { refuse(std::move(refused)); });
  }
}

SandboxHost::AllRefused SandboxHost::perform_locked(const ZygoteWatch::Actions& actions) {
  AllRefused refused;
  for (const ZygoteAction& action : actions) {
    switch (action.kind) {
      case ZygoteAction::Kind::kSend:
        unsent_.push_back(waiting_.at(action.tag).request);
        break;
      case ZygoteAction::Kind::kRefuse:
      case ZygoteAction::Kind::kGone:
        refused.push_back({std::move(waiting_.extract(action.tag).mapped()), action.status});
        break;
      case ZygoteAction::Kind::kProbe:
        unsent_.push_back({.kind = ZygoteRequest::Kind::kPing});
        tell_keeper_locked(KeeperRequest::Kind::kLook);
        break;
      case ZygoteAction::Kind::kReplace:
        disconnect_locked();
        tell_keeper_locked(KeeperRequest::Kind::kReplace);
        break;
      case ZygoteAction::Kind::kSay:
        logger_.error("the process that forks sandboxes: {}", action.status.error_message());
        break;
    }
  }
  if (!writing_) {
    write_locked();
  }
  watch_the_time_locked();
  return refused;
}

// What it has been asked, the watch asks of the next one.
void SandboxHost::disconnect_locked() {
  boost::system::error_code ignored;
  control_.close(ignored);
  unsent_.clear();
  writing_ = false;
}

void SandboxHost::tell_keeper_locked(KeeperRequest::Kind what) {
  // A keeper that has ended is heard of where its answers are read, and one that is busy reads this
  // later: there is room for it, as it is seldom told anything.
  std::ignore = send_bytes(keeper_.native_handle(),
                           bytes_of(KeeperRequest{.kind = what, .generation = generation_}), -1,
                           MSG_DONTWAIT);
}

// Directly, mostly; what the socket has no room for, when it has.
void SandboxHost::write_locked() {
  writing_ = false;
  while (control_.is_open() && !unsent_.empty()) {
    if (send_bytes(control_.native_handle(), bytes_of(unsent_.front()), -1, MSG_DONTWAIT) < 0) {
      // Any other error than a full socket is the zygote's end, which its reader hears of.
      writing_ = would_block();
      break;
    }
    unsent_.pop_front();
  }
  if (writing_) {
    control_.async_wait(stream_descriptor::wait_write,
                        [self = shared_from_this(),
                         generation = generation_](const boost::system::error_code& error) {
                          const std::lock_guard lock(self->mutex_);
                          if (!error && generation == self->generation_) {
                            self->write_locked();
                          }
                        });
  }
}

// ---------------------------------------------------------------------------------------- time

void SandboxHost::watch_the_time_locked() {
  timer_.set(watch_.next(), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->check_the_time();
    }
  });
}

void SandboxHost::check_the_time() {
  AllRefused refused;
  {
    const std::lock_guard lock(mutex_);
    timer_.woken();
    if (!closed_) {
      refused = perform_locked(watch_.on_time(Clock::now()));
    }
  }
  refuse(std::move(refused));
}

// ---------------------------------------------------------------------------------- the keeper

void SandboxHost::wait_for_keeper_locked() {
  keeper_.async_wait(stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) {
                         self->read_keeper();
                       }
                     });
}

void SandboxHost::read_keeper() {
  AllRefused refused;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return;
    }
    KeeperAnswer received;
    FileDescriptor socket;
    const std::ptrdiff_t size =
        receive_bytes(keeper_.native_handle(), reinterpret_cast<char*>(&received), sizeof(received),
                      socket, MSG_DONTWAIT);
    if (size == sizeof(received) || (size < 0 && would_block())) {
      wait_for_keeper_locked();
    }
    refused = on_keeper_locked(size, received, std::move(socket));
  }
  refuse(std::move(refused));
}

SandboxHost::AllRefused SandboxHost::on_keeper_locked(std::ptrdiff_t size,
                                                      const KeeperAnswer& received,
                                                      FileDescriptor socket) {
  if (size < 0 && would_block()) {
    return {};
  }
  if (size != sizeof(received)) {
    return perform_locked(watch_.on_keeper_end("has ended"));
  }
  disconnect_locked();
  generation_ = received.generation;
  if (received.error != 0) {
    return perform_locked(watch_.on_no_zygote(std::strerror(received.error)));
  }
  boost::system::error_code error;
  if (socket) {
    control_.assign(socket.get(), error);
  }
  if (!socket || error) {
    return perform_locked(watch_.on_no_zygote("no file descriptor is left for it"));
  }
  std::ignore = socket.release();
  wait_for_answers_locked();
  return perform_locked(watch_.on_zygote(Clock::now()));
}

// ---------------------------------------------------------------------------------- the zygote

void SandboxHost::wait_for_answers_locked() {
  control_.async_wait(stream_descriptor::wait_read,
                      [self = shared_from_this(),
                       generation = generation_](const boost::system::error_code& error) {
                        if (!error) {
                          self->read_answers(generation);
                        }
                      });
}

void SandboxHost::read_answers(std::uint64_t generation) {
  for (;;) {
    ZygoteAnswer received;
    FileDescriptor socket;
    std::ptrdiff_t size = 0;
    AllRefused refused;
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || generation != generation_ || !control_.is_open()) {
        return;
      }
      size = receive_bytes(control_.native_handle(), reinterpret_cast<char*>(&received),
                           sizeof(received), socket, MSG_DONTWAIT);
      if (size < 0 && would_block()) {
        wait_for_answers_locked();
        return;
      }
      if (size != sizeof(received)) {
        refused = perform_locked(watch_.on_zygote_end(Clock::now()));
        disconnect_locked();
      }
    }
    if (size != sizeof(received)) {
      refuse(std::move(refused));
      return;
    }
    try {
      answer(received, std::move(socket));
    } catch (...) {  // who asked; the others still wait for theirs
      logger_.error("an answer of the process that forks sandboxes: {}",
                    status_from_current_exception().error_message());
    }
  }
}

void SandboxHost::answer(const ZygoteAnswer& answer, FileDescriptor socket) {
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    if (answer.tag == kAliveTag) {
      watch_.on_alive(Clock::now());
      return;
    }
    watch_.on_answer(answer.tag, Clock::now());
    const auto found = waiting_.find(answer.tag);
    if (found == waiting_.end()) {
      return;
    }
    waiting = std::move(found->second);
    waiting_.erase(found);
  }
  complete(std::move(waiting), answer, std::move(socket));
}

void SandboxHost::complete(Waiting waiting, const ZygoteAnswer& answer, FileDescriptor socket) {
  if (waiting.reap) {
    waiting.reap(answer.result);
  } else if (answer.result == grpc::StatusCode::OK) {
    waiting.spawn(Spawned{std::move(socket), answer.sandbox});
  } else {
    waiting.spawn(grpc::Status(static_cast<grpc::StatusCode>(answer.result), answer.error.data()));
  }
}

void SandboxHost::refuse(AllRefused refused) {
  for (auto& [waiting, why] : refused) {
    if (waiting.reap) {
      waiting.reap(kEndUnknown);
    } else {
      waiting.spawn(std::move(why));
    }
  }
}

void SandboxHost::close() {
  AllRefused refused;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    disconnect_locked();
    boost::system::error_code ignored;
    keeper_.close(ignored);
    timer_.cancel();
    for (auto& [tag, waiting] : std::exchange(waiting_, {})) {
      refused.push_back({std::move(waiting), unavailable("The service ends")});
    }
  }
  refuse(std::move(refused));
  zygote_.end();
}

}  // namespace compiler_gym::isolated

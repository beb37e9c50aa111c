#include "sessions/isolated/sandbox_channel.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

#include "sessions/internal/time_limit.h"
#include "sessions/isolated/sandbox_process.h"

namespace compiler_gym::isolated {
namespace {

using boost::asio::posix::stream_descriptor;

// Larger replies are read by their receiver on the worker pool: to parse one would hold up the
// event loop.
constexpr std::size_t kLargeReply = std::size_t{64} * 1024;

// What a frame may have if it is no reply but says why there is none.
constexpr std::uint64_t kMaxErrorText = std::uint64_t{16} << 20;

// `pid start_time`, both in decimal.
SandboxId parsed_id(const std::string& text) {
  SandboxId id;
  const char* const end = text.data() + text.size();
  const char* const blank = std::from_chars(text.data(), end, id.pid).ptr;
  if (blank != end) {
    std::from_chars(blank + 1, end, id.start_time);
  }
  return id;
}

}  // namespace

Result<std::shared_ptr<SandboxChannel>> SandboxChannel::make(std::shared_ptr<SandboxHost> host,
                                                             SandboxHost::Spawned sandbox,
                                                             WorkerPool& workers,
                                                             const SandboxTimeouts& timeouts) {
  const auto refuse = [&host, id = sandbox.id](grpc::Status why) {
    if (id.pid != 0) {
      host->reap(id, true, SandboxHost::ReapHandler([](int) {}, host->here("a sandbox's end")));
    }
    return why;
  };
  // One that there was no descriptor for comes without its socket.
  if (!sandbox.socket || host->descriptors().covers(sandbox.socket.get())) {
    return refuse(host->descriptors().exhausted("a sandbox process"));
  }
  const std::optional<std::uint32_t> slot = host->board().take();
  if (!slot) {
    const std::size_t limit = host->board().size();
    return refuse(resource_exhausted(
        fmt::format("{} sandbox processes are there already, the limit is {}", limit, limit)));
  }
  try {
    return std::shared_ptr<SandboxChannel>(
        new SandboxChannel(host, std::move(sandbox), workers, timeouts, *slot));
  } catch (const std::exception& error) {  // the socket can't be watched, or there is no memory
    host->board().give_back(*slot);
    return refuse(
        resource_exhausted(fmt::format("A sandbox process can't be connected: {}", error.what())));
  }
}

SandboxChannel::SandboxChannel(std::shared_ptr<SandboxHost> host, SandboxHost::Spawned sandbox,
                               WorkerPool& workers, const SandboxTimeouts& timeouts,
                               std::uint32_t slot)
    : host_(std::move(host)),
      workers_(workers),
      timeouts_(timeouts),
      slot_(slot),
      id_(sandbox.id),
      socket_(host_->executor(), sandbox.socket.release()),
      reader_(std::min<std::uint64_t>(host_->max_reply_bytes(), kMaxBodySize - kMaxErrorText) +
              kMaxErrorText),
      timer_(host_->executor()) {}

SandboxChannel::~SandboxChannel() {
  end(UniqueHandler<void()>([] {}, host_->here("a sandbox's end")));
}

bool SandboxChannel::is_recyclable() {
  const std::lock_guard lock(mutex_);
  return recyclable_ && !pending_ && id_.pid != 0;
}

void SandboxChannel::end(UniqueHandler<void()> handler) {
  // The slot is free once nobody writes to it.
  auto ended = [host = host_, slot = std::exchange(slot_, std::nullopt),
                handler = std::move(handler)](int /*how*/) mutable {
    if (slot) {
      host->board().give_back(*slot);
    }
    handler();
  };
  if (const SandboxId id = std::exchange(id_, {}); id.pid != 0) {
    host_->reap(id, true,
                SandboxHost::ReapHandler(std::move(ended), host_->here("a sandbox's end")));
  } else {
    boost::asio::post(host_->executor(), [ended = std::move(ended)]() mutable { ended(0); });
  }
}

// -------------------------------------------------------------------------------------- a request

void SandboxChannel::request(SandboxOperation operation, const SandboxMessage& message,
                             std::stop_source stop, ReplyHandler handler) {
  // From begin() on the handler may run, and with it go who asks, the message and this channel.
  const std::shared_ptr<SandboxChannel> self = shared_from_this();
  std::string bytes = framed(
      {.number = last_number_ + 1, .code = static_cast<std::uint32_t>(operation), .slot = *slot_},
      message);
  begin(operation, std::move(handler), stop);
  write(std::move(bytes), 0);
}

void SandboxChannel::fork(std::stop_source stop, ChannelHandler handler) {
  Result<SocketPair> sockets = make_socket_pair();
  Result<std::shared_ptr<SandboxChannel>> made =
      sockets ? make(host_, {std::move(sockets->ours), {}}, workers_, timeouts_)
              : Result<std::shared_ptr<SandboxChannel>>(sockets.error());
  if (!made) {
    boost::asio::post(host_->executor(),
                      [status = made.error(), handler = std::move(handler)]() mutable {
                        handler(std::move(status));
                      });
    return;
  }
  const std::shared_ptr<SandboxChannel> self = shared_from_this();  // as in request()
  // The new sandbox's first reply is to a request that this one's passes on.
  const std::shared_ptr<SandboxChannel> child = *std::move(made);
  auto on_forked = [child, handler = std::move(handler)](SandboxReply reply) mutable {
    if (!reply.status.ok()) {
      handler(std::move(reply.status));
      return;
    }
    child->id_ = parsed_id(reply.message);
    handler(child);
  };
  child->recyclable_ = recyclable_;
  child->begin(SandboxOperation::kFork,
               ReplyHandler(std::move(on_forked), host_->here("a sandbox's fork")), stop);
  const std::string bytes =
      framed({.code = static_cast<std::uint32_t>(SandboxOperation::kFork)}, "");
  const auto sent = send_bytes(socket_.native_handle(), bytes, sockets->theirs.get(), MSG_DONTWAIT);
  if (sent == static_cast<std::ptrdiff_t>(bytes.size())) {
    child->wait_to_read();
  } else {
    child->lose();
  }
}

// The stop source may be triggered already; what it asks for is noted before the request is sent.
void SandboxChannel::begin(SandboxOperation operation, ReplyHandler handler,
                           const std::stop_source& stop) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    SandboxSlot& slot = host_->board()[*slot_];
    slot.changes.store(0, std::memory_order_relaxed);
    slot.applied.store(kNotBegun, std::memory_order_relaxed);
    slot.cancelled_request.store(0, std::memory_order_relaxed);
    number = ++last_number_;
    pending_ = Pending();
    pending_->number = number;
    pending_->handler = std::move(handler);
    const bool is_recycling =
        operation == SandboxOperation::kReset || operation == SandboxOperation::kPing;
    pending_->timeout = is_recycling ? timeouts_.reset_timeout : timeouts_.request_timeout;
    pending_->next_check = pending_->timeout.count() == 0 ? Clock::time_point::max()
                                                          : Clock::now() + pending_->timeout;
    watch_the_time_locked();
  }
  on_stop_.emplace(stop.get_token(), OnStop{weak_from_this(), number});
}

// Directly, mostly: a request is small, and the sandbox's socket empty.
void SandboxChannel::write(std::string bytes, std::size_t written) {
  while (written < bytes.size()) {
    const std::ptrdiff_t sent = send_bytes(
        socket_.native_handle(), std::string_view(bytes).substr(written), -1, MSG_DONTWAIT);
    if (sent >= 0) {
      written += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      socket_.async_wait(stream_descriptor::wait_write,
                         [self = shared_from_this(), bytes = std::move(bytes),
                          written](const boost::system::error_code& error) mutable {
                           if (!error) {
                             self->write(std::move(bytes), written);
                           }
                         });
      return;
    } else {
      lose();
      return;
    }
  }
  wait_to_read();
}

void SandboxChannel::wait_to_read() {
  socket_.async_wait(stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) {
                         self->read();
                       }
                     });
}

void SandboxChannel::read() {
  std::array<char, kMaxPacketSize> buffer;  // NOLINT: not worth clearing for every reply
  for (;;) {
    FileDescriptor nothing;
    const std::ptrdiff_t received =
        receive_bytes(socket_.native_handle(), buffer.data(), buffer.size(), nothing, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      wait_to_read();
      return;
    }
    if (received <= 0) {
      lose();
      return;
    }
    reader_.append({buffer.data(), static_cast<std::size_t>(received)});
    if (!reader_.valid()) {
      lose();  // it writes what it should not: nothing it says can be believed
      return;
    }
    if (reader_.complete()) {
      on_frame(reader_.take());
      return;
    }
  }
}

void SandboxChannel::on_frame(Frame frame) {
  std::optional<Pending> done;
  {
    const std::lock_guard lock(mutex_);
    if (!pending_ || pending_->reaping) {
      return;  // too late: it is being killed
    }
    done.swap(pending_);
  }
  on_stop_.reset();
  SandboxReply reply;
  reply.applied = host_->board()[*slot_].applied.load(std::memory_order_acquire);
  reply.changes = host_->board()[*slot_].changes.load(std::memory_order_relaxed);
  const auto code = static_cast<grpc::StatusCode>(frame.header.code);
  recyclable_ = recyclable_ && code == grpc::StatusCode::OK;
  if (code == grpc::StatusCode::OK) {
    reply.message = std::move(frame.body);
  } else if (code == grpc::StatusCode::CANCELLED && done->cause == Cause::kTimeout) {
    reply.status =
        deadline_exceeded(internal::time_limit_passed(done->timeout) + ": " + frame.body);
  } else {
    reply.status = grpc::Status(code, frame.body);
  }
  if (reply.message.size() <= kLargeReply) {
    done->handler(std::move(reply));
    return;
  }
  boost::asio::post(workers_.executor(),
                    [handler = std::move(done->handler), reply = std::move(reply)]() mutable {
                      handler(std::move(reply));
                    });
}

// ------------------------------------------------------------------------------------- its end

void SandboxChannel::OnStop::operator()() const {
  if (const std::shared_ptr<SandboxChannel> self = channel.lock()) {
    const std::lock_guard lock(self->mutex_);
    if (self->pending_ && self->pending_->number == number) {
      self->cancel_locked(Cause::kCancelled);
    }
  }
}

void SandboxChannel::cancel_locked(Cause cause) {
  if (pending_->cause != Cause::kNone) {
    return;
  }
  pending_->cause = cause;
  pending_->next_check = Clock::now() + timeouts_.cancel_grace;
  host_->board()[*slot_].cancelled_request.store(pending_->number, std::memory_order_relaxed);
  watch_the_time_locked();
}

void SandboxChannel::watch_the_time_locked() {
  timer_.set(pending_->next_check, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->check_the_time();
    }
  });
}

void SandboxChannel::check_the_time() {
  {
    const std::lock_guard lock(mutex_);
    timer_.woken();
    if (!pending_) {
      return;
    }
    if (Clock::now() < pending_->next_check) {
      watch_the_time_locked();
      return;
    }
    if (pending_->cause == Cause::kNone) {
      cancel_locked(Cause::kTimeout);
      return;
    }
  }
  lose();
}

// Kills the sandbox, if it is not dead already, and hears how it ended.
void SandboxChannel::lose() {
  {
    const std::lock_guard lock(mutex_);
    if (!pending_ || pending_->reaping) {
      return;
    }
    pending_->reaping = true;
  }
  shutdown(socket_.native_handle(), SHUT_RDWR);  // ends a wait on it
  auto on_reaped = [self = shared_from_this()](int how) { self->on_lost(how); };
  if (const SandboxId id = std::exchange(id_, {}); id.pid != 0) {
    host_->reap(id, false,
                SandboxHost::ReapHandler(std::move(on_reaped), host_->here("a lost sandbox")));
  } else {
    boost::asio::post(host_->executor(), [on_reaped] { on_reaped(kEndUnknown); });
  }
}

void SandboxChannel::on_lost(int how) {
  std::optional<Pending> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(pending_);
  }
  on_stop_.reset();
  SandboxReply reply;
  const std::uint32_t applied = host_->board()[*slot_].applied.load(std::memory_order_acquire);
  reply.applied = applied == kNotBegun ? 0 : applied;
  reply.changes = host_->board()[*slot_].changes.load(std::memory_order_relaxed);
  reply.sandbox_lost = true;
  reply.how_lost = how;
  reply.never_began = done->cause == Cause::kNone && applied == kNotBegun;
  switch (done->cause) {
    case Cause::kNone:
      reply.status = data_loss(describe_end(how));
      break;
    case Cause::kCancelled:
      reply.status = cancelled("its sandbox process was killed, since it did not stop when asked");
      break;
    case Cause::kTimeout:
      reply.status = deadline_exceeded(internal::time_limit_passed(done->timeout) +
                                       ": its sandbox process was killed");
      break;
  }
  done->handler(std::move(reply));
}

}  // namespace compiler_gym::isolated

// Server is a front of ServiceRuntime: gRPC's server, the loops that take its calls, and where it can
// be reached. What is done when is the runtime's business, and how a drain goes is told in drain.cc.
#include "async_server/server.h"

#include <fmt/ranges.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "async_server/internal/accept_loops.h"
#include "async_server/internal/access.h"
#include "async_server/internal/admission.h"
#include "async_server/internal/grpc_server.h"
#include "async_server/internal/reply_budget.h"
#include "async_server/internal/server_addresses.h"
#include "async_server/internal/service_files.h"
#include "async_server/service_runtime.h"
#include "core/run_on.h"
#include "core/support/status.h"

namespace compiler_gym {
namespace {

using boost::asio::awaitable;

ServiceRuntimeOptions runtime_options(const ServerOptions& options) {
  ServiceRuntimeOptions runtime{ServiceOptions(options)};
  runtime.max_bytes_in_flight = options.max_bytes_in_flight;
  runtime.session_ttl = options.session_ttl;
  return runtime;
}

}  // namespace

class Server::Impl final : public ServiceFront {
 public:
  Impl(boost::asio::io_context& io_context, ServicePlugin plugin, ServerOptions options,
       Logger& logger, std::optional<isolated::Zygote> zygote)
      : options_(std::move(options)),
        logger_(logger),
        replies_({options_.max_requests_in_flight, options_.max_unread_bytes},
                 options_.sessions.max_reply_bytes),
        runtime_(io_context, std::move(plugin), runtime_options(options_), *this, logger,
                 std::move(zygote)),
        grpc_server_(io_context, logger),
        accept_loops_(grpc_server_, runtime_, access_, replies_, options_, logger) {}

  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] ServiceRuntime& runtime() { return runtime_; }
  [[nodiscard]] internal::ServerAddresses& addresses() { return addresses_; }
  [[nodiscard]] const internal::ReplyBudget& replies() const { return replies_; }

 private:
  awaitable<grpc::Status> prepare() override;
  awaitable<grpc::Status> open() override;
  awaitable<void> close() override;
  void cancel_calls() override { grpc_server_.cancel_all_calls(); }
  void stopped() override { grpc_server_.destroy(); }

  grpc::Status listen();
  grpc::Status write_files() const;

  const ServerOptions options_;
  Logger& logger_;
  internal::Access access_;  // as asked for once its files are read, before anything listens
  internal::ReplyBudget replies_;
  // Destroyed from the bottom up: calls before sessions.
  ServiceRuntime runtime_;
  internal::GrpcServer grpc_server_;
  internal::AcceptLoops accept_loops_;
  internal::ServerAddresses addresses_;
};

awaitable<grpc::Status> Server::Impl::prepare() {
  const Result<internal::Access> access =
      co_await run_on(runtime_.start_workers().executor(),
                      [this] { return internal::Access::load(options_.access, options_.listen); });
  if (!access) {
    co_return access.error();
  }
  access_ = *access;
  co_return grpc::Status::OK;
}

awaitable<grpc::Status> Server::Impl::open() {
  grpc::Status status =
      co_await run_on(runtime_.start_workers().executor(), [this] { return listen(); });
  if (!status.ok()) {
    co_return status;
  }
  grpc_server_.start_reading();
  accept_loops_.start();
  if (options_.write_service_files) {
    status = co_await run_on(runtime_.start_workers().executor(), [this] { return write_files(); });
  }
  if (status.ok()) {
    logger_.info("serving on {}", fmt::join(addresses_.addresses(), ", "));
  }
  co_return status;
}

grpc::Status Server::Impl::listen() {
  Result<internal::Reachable> reachable = grpc_server_.build(options_, access_);
  if (!reachable) {
    return reachable.error();
  }
  addresses_.announce(*grpc_server_.server(), *std::move(reachable));
  return grpc::Status::OK;
}

grpc::Status Server::Impl::write_files() const {
  return internal::write_service_files(options_.working_directory, addresses_.port(),
                                       addresses_.addresses());
}

awaitable<void> Server::Impl::close() {
  addresses_.withdraw();
  co_await grpc_server_.shut_down();
  co_await accept_loops_.stop();
  co_await grpc_server_.stop_reading();
}

// --------------------------------------------------------------------------------------- the shell

Server::Server(boost::asio::io_context& io_context, ServicePlugin plugin, ServerOptions options,
               Logger& logger, std::optional<isolated::Zygote> zygote)
    : executor_(io_context.get_executor()),
      impl_(std::make_unique<Impl>(io_context, std::move(plugin), std::move(options), logger,
                                   std::move(zygote))) {}

Server::~Server() = default;

void Server::run(StatusHandler handler) {
  impl_->runtime().async_run(std::move(handler));
}
void Server::wait_started(StatusHandler handler) {
  impl_->runtime().async_started(std::move(handler));
}
void Server::drain() {
  impl_->runtime().async_drain(impl_->options().drain_grace, [](const grpc::Status&) {});
}
void Server::drain(Clock::duration grace, StatusHandler handler) {
  impl_->runtime().async_drain(grace, std::move(handler));
}
void Server::abandon(StatusHandler handler) {
  impl_->runtime().context_host().async_shutdown(std::move(handler));
}
std::vector<std::string> Server::addresses() const {
  return impl_->addresses().addresses();
}
int Server::port() const {
  return impl_->addresses().port();
}
std::shared_ptr<grpc::Channel> Server::in_process_channel() {
  return impl_->addresses().in_process_channel();
}
std::size_t Server::session_count() const {
  return impl_->runtime().session_count();
}
std::size_t Server::requests_in_flight() const {
  return impl_->runtime().admission().requests_in_flight();
}
std::size_t Server::unread_bytes() const {
  return impl_->replies().on_their_way().bytes;
}
std::uint64_t Server::unread_replies_given_up() const {
  return impl_->replies().given_up();
}

}  // namespace compiler_gym

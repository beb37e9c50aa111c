// EmbeddedService is a front of ServiceRuntime that has nothing to open or close: a request is an
// operation on the heap that counts as a running call, so that a drain can wait for the last one.
// There is no loop and no thread beyond the worker pools.
#include "async_server/embedded_service.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <cstdint>

#include "async_server/internal/admission.h"
#include "async_server/internal/embedded_operation.h"
#include "async_server/internal/rpc_service.h"
#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym {
namespace {

using internal::EmbeddedOperation;
using internal::RpcService;
using internal::RpcThread;

ServiceRuntimeOptions runtime_options(const EmbeddedServiceOptions& options) {
  ServiceRuntimeOptions runtime{ServiceOptions(options)};
  runtime.plugin_threads = options.plugin_threads;
  return runtime;
}

}  // namespace

class EmbeddedService::Impl final : public ServiceFront {
 public:
  Impl(boost::asio::io_context& io_context, ServicePlugin plugin,
       const EmbeddedServiceOptions& options, Logger& logger,
       std::optional<isolated::Zygote> zygote)
      : io_context_(io_context),
        on_callers_thread_(options.plugin_threads == PluginThreads::kCaller),
        runtime_(io_context, std::move(plugin), runtime_options(options), *this, logger,
                 std::move(zygote)) {}

  void start(StatusHandler handler);

  template <typename Rpc>
  void submit(typename Rpc::Request request, std::stop_source stop,
              ReplyHandler<typename Rpc::Reply> handler);

  [[nodiscard]] ServiceRuntime& runtime() { return runtime_; }

 private:
  void cancel_calls() override { stop_all_.request_stop(); }

  template <typename Rpc>
  void perform(typename EmbeddedOperation<Rpc>::Ptr operation);

  boost::asio::io_context& io_context_;
  const bool on_callers_thread_;
  std::atomic<bool> started_{false};
  std::stop_source stop_all_;  // triggered at a drain's deadline
  ServiceRuntime runtime_;
};

// ------------------------------------------------------------------------------------------- start

void EmbeddedService::Impl::start(StatusHandler handler) {
  if (started_.exchange(true)) {
    boost::asio::post(io_context_, [handler = std::move(handler)]() mutable {
      handler(failed_precondition("async_start() was called before"));
    });
    return;
  }
  runtime_.start();
  runtime_.async_ready(std::move(handler));
}

// ---------------------------------------------------------------------------------------- requests

template <typename Rpc>
void EmbeddedService::Impl::submit(typename Rpc::Request request, std::stop_source stop,
                                   ReplyHandler<typename Rpc::Reply> handler) {
  Result<internal::RequestBudget::Share> share =
      runtime_.admission().admit(RpcService<Rpc>::kAdmission, 0);
  Gate::Pass pass = runtime_.admission().running_calls().try_enter();
  if (share && !pass) {  // a drain has begun meanwhile
    share = shutting_down();
  }
  if (!share) {
    boost::asio::post(io_context_, [status = share.error(),
                                    handler = std::move(handler)]() mutable { handler(status); });
    return;
  }
  auto operation = EmbeddedOperation<Rpc>::make(io_context_, std::move(pass), *std::move(share),
                                                std::move(request), std::move(stop),
                                                stop_all_.get_token(), std::move(handler));
  // Starting sessions is not to hold up steps.
  if (RpcService<Rpc>::kThread == RpcThread::kStartWorker && !on_callers_thread_) {
    boost::asio::post(
        runtime_.start_workers().executor(),
        [this, operation = std::move(operation)]() mutable { perform<Rpc>(std::move(operation)); });
  } else {
    perform<Rpc>(std::move(operation));
  }
}

template <typename Rpc>
void EmbeddedService::Impl::perform(typename EmbeddedOperation<Rpc>::Ptr operation) {
  EmbeddedOperation<Rpc>& under_way = *operation;
  if constexpr (internal::kAnsweredAtOnce<Rpc>) {
    const auto& answer = RpcService<Rpc>::answer(runtime_.sessions(), under_way.reply());
    if (&answer != &under_way.reply()) {
      under_way.reply() = answer;
    }
    EmbeddedOperation<Rpc>::complete(std::move(operation), grpc::Status::OK);
  } else {
    RpcService<Rpc>::start(runtime_.sessions(), under_way.request(), under_way.reply(),
                           under_way.stop(),
                           [operation = std::move(operation)](const grpc::Status& status) mutable {
                             EmbeddedOperation<Rpc>::complete(std::move(operation), status);
                           });
  }
}

// --------------------------------------------------------------------------------------- the shell

EmbeddedService::EmbeddedService(boost::asio::io_context& io_context, ServicePlugin plugin,
                                 EmbeddedServiceOptions options, Logger& logger,
                                 std::optional<isolated::Zygote> zygote)
    : executor_(io_context.get_executor()),
      impl_(std::make_unique<Impl>(io_context, std::move(plugin), options, logger,
                                   std::move(zygote))) {}

EmbeddedService::~EmbeddedService() = default;

void EmbeddedService::start(StatusHandler handler) {
  impl_->start(std::move(handler));
}
void EmbeddedService::drain(Clock::duration grace, StatusHandler handler) {
  impl_->runtime().async_drain(grace, std::move(handler));
}
std::size_t EmbeddedService::session_count() const {
  return impl_->runtime().sessions().session_count();
}
std::size_t EmbeddedService::requests_in_flight() const {
  return impl_->runtime().admission().requests_in_flight();
}

template <typename Rpc>
void EmbeddedService::submit(typename Rpc::Request request, std::stop_source stop,
                             ReplyHandler<typename Rpc::Reply> handler) {
  impl_->submit<Rpc>(std::move(request), std::move(stop), std::move(handler));
}

#define COMPILER_GYM_INSTANTIATE(Name, name)                                        \
  template void EmbeddedService::submit<rpc::Name>(Name##Request, std::stop_source, \
                                                   ReplyHandler<Name##Reply>);
COMPILER_GYM_RPCS(COMPILER_GYM_INSTANTIATE, COMPILER_GYM_INSTANTIATE)
#undef COMPILER_GYM_INSTANTIATE

}  // namespace compiler_gym

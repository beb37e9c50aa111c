// Plug-in API: the state that all sessions of a service share. Mirrors CompilerGym's camelCase.
#pragma once

#include <grpcpp/support/status.h>
#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/filesystem/path.hpp>
#include <utility>

#include "core/run_on.h"
#include "core/worker_pool.h"

namespace compiler_gym {

/// Whether the sessions of a compiler can run in processes of their own.
enum class Isolation {
  kImpossible,  ///< they change what is in the context, and share what they change
  kOffered,     ///< inline unless asked for
  kDefault,     ///< isolated unless asked otherwise
};

/// One per service, made before any session and destroyed after the last. Derive from it to share
/// state between sessions; a service that shares nothing uses DefaultCompilerGymServiceContext and
/// need not name it.
///
/// Order:    init() is called first, before any session exists and before the service listens.
///           shutdown() is called last, when every session has ended, exactly once, also when
///           init() failed. A failed init() keeps the service from starting; either failure is in
///           the exit status of the process.
/// Override: init() and shutdown(), which may block (they run on a worker thread), or async_init()
///           and async_shutdown(), which must not (they run on the io_context).
/// Threads:  workingDirectory() from anywhere. State of a derived class is touched inside run(),
///           which puts one function after another; or the derived class synchronises itself and
///           says so. What is handed to sessions should be immutable and shared:
///           `std::shared_ptr<const T>`.
/// Isolation: a class whose sessions change nothing in it may say so by a member `static constexpr
///           Isolation kIsolation`; its sessions can then run in sandbox processes, each with a copy
///           of a context that was initialised, by init(), for all of them.
/// Errors:   an exception from any override becomes the status INTERNAL `Unhandled exception:
///           <what()>`.
/// Source:   CompilerGym issue 591.
class CompilerGymServiceContext {
 public:
  explicit CompilerGymServiceContext(boost::filesystem::path workingDirectory);
  CompilerGymServiceContext(const CompilerGymServiceContext&) = delete;
  CompilerGymServiceContext& operator=(const CompilerGymServiceContext&) = delete;
  virtual ~CompilerGymServiceContext();

  [[nodiscard]] virtual grpc::Status init();
  [[nodiscard]] virtual grpc::Status shutdown();

  /// Called once, after init(), in the process that sandboxes are forked from, so that each of them
  /// has what a compiler sets up when it is first used. The start of a service does not wait for it;
  /// the first sandbox does, and cannot be made if it fails. By default it does nothing.
  [[nodiscard]] virtual grpc::Status warmUp();

  /// Run on the context's strand. By default init() and shutdown() on `workers`. An override can
  /// co_await timers, sockets or run_on(workers.executor(), ...); `co_await
  /// boost::asio::this_coro::executor` is the strand.
  [[nodiscard]] virtual boost::asio::awaitable<grpc::Status> async_init(WorkerPool& workers);
  [[nodiscard]] virtual boost::asio::awaitable<grpc::Status> async_shutdown(WorkerPool& workers);

  /// Where the service may keep files. Exists before init() and until after shutdown().
  [[nodiscard]] const boost::filesystem::path& workingDirectory() const {
    return workingDirectory_;
  }

  /// For files that only the calling process needs, made by whoever needs it first. That of a
  /// sandbox process is removed when the sandbox ends, in whatever manner, the service's own when the
  /// service does. Below `disk/`, as clients may put the working directory where nothing can be
  /// executed.
  [[nodiscard]] boost::filesystem::path scratchDirectory() const {
    return scratchDirectoryOf(getpid(), workingDirectory_);
  }
  [[nodiscard]] static boost::filesystem::path scratchDirectoryOf(
      pid_t process, const boost::filesystem::path& workingDirectory);

  /// Runs `function()` on the strand, never at the same time as another, and completes with its
  /// result (see run_on()). It should be short, and must not block: the strand's thread is one of
  /// those that serve requests.
  ///
  ///     int seen = co_await context.run([&] { return ++seen_; });      // in a coroutine
  ///     int seen = context.run([&] { return ++seen_; }, use_future).get();  // in a session
  ///
  /// The second form blocks the caller's worker thread; never use it on the io_context.
  ///
  /// Without a ContextHost, as in a sandbox process, the function runs inside the call.
  template <typename Function, typename Token = boost::asio::use_awaitable_t<>>
  auto run(Function function, Token&& token = Token()) {
    return run_on(strand_, std::move(function), std::forward<Token>(token));
  }

 private:
  friend class ContextHost;  // puts the strand on the service's io_context, before init()

  const boost::filesystem::path workingDirectory_;
  boost::asio::strand<boost::asio::any_io_executor> strand_;
};

/// A context without state, for services whose sessions share nothing.
class DefaultCompilerGymServiceContext final : public CompilerGymServiceContext {
 public:
  using CompilerGymServiceContext::CompilerGymServiceContext;
};

}  // namespace compiler_gym

// An application with an event loop of its own, on one thread, and a compiler in it: coroutines try
// all orders of the compiler's actions at the same time. The compiler's work runs on worker threads.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/filesystem/operations.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "async_server/embedded_service.h"
#include "examples/embedding/text_session.h"

namespace {

namespace asio = boost::asio;
using namespace compiler_gym;
using namespace std::chrono_literals;

template <typename Reply>
Reply value_of(Result<Reply> result) {
  return result ? *std::move(result) : throw std::runtime_error(to_string(result.error()));
}

asio::awaitable<void> try_order(EmbeddedService& service, std::vector<int> actions) {
  StartSessionRequest start;
  start.mutable_benchmark()->set_uri("benchmark://texts/moo");
  const auto session = value_of(co_await service.async_start_session(start));

  StepRequest step;
  step.set_session_id(session.session_id());
  for (const int action : actions) {
    step.add_action()->set_int64_value(action);
  }
  step.add_observation_space(0);
  const auto reply = value_of(co_await service.async_step(step));

  EndSessionRequest end;
  end.set_session_id(session.session_id());
  value_of(co_await service.async_end_session(end));
  std::cout << reply.observation(0).string_value() << '\n';
}

asio::awaitable<void> run(EmbeddedService& service) {
  using asio::experimental::awaitable_operators::operator&&;
  if (const grpc::Status started = co_await service.async_start(); !started.ok()) {
    throw std::runtime_error(to_string(started));
  }
  AddBenchmarkRequest add;
  Benchmark& benchmark = *add.add_benchmark();
  benchmark.set_uri("benchmark://texts/moo");
  benchmark.mutable_program()->set_contents("Oo O moo");
  value_of(co_await service.async_add_benchmark(add));

  std::vector<int> order{0, 1, 2};
  std::vector<int> reversed{2, 1, 0};
  co_await (try_order(service, order) && try_order(service, reversed));

  if (const grpc::Status drained = co_await service.async_drain(5s); !drained.ok()) {
    throw std::runtime_error(to_string(drained));
  }
}

}  // namespace

int main() {
  asio::io_context io_context(1);
  const auto logger = make_silent_logger();
  EmbeddedServiceOptions options;
  options.working_directory = boost::filesystem::temp_directory_path();
  EmbeddedService service(io_context, make_service_plugin<example::TextSession>(), options,
                          *logger);
  int status = EXIT_SUCCESS;
  asio::co_spawn(io_context, run(service), [&](const std::exception_ptr& error) {
    try {
      if (error != nullptr) {
        std::rethrow_exception(error);
      }
    } catch (const std::exception& failure) {
      std::cerr << failure.what() << '\n';
      status = EXIT_FAILURE;
      service.async_drain(0s, [](const grpc::Status&) {});
    }
  });
  io_context.run();
  return status;
}

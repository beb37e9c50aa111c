// A client: starts the service that it is given, has a session of one step in it, and prints what it
// saw. Links compiler_gym::client and nothing of the service.
//
//     compiler_gym-client-example build/dev/bin/compiler_gym-example-service
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "client/client_loop.h"
#include "client/managed_service.h"
#include "client/service_client.h"

namespace {

namespace asio = boost::asio;
using namespace compiler_gym;
using namespace std::chrono_literals;

constexpr CallOptions kOptions{.timeout = 30s};

template <typename Value>
Value value_of(Result<Value> result) {
  return result ? *std::move(result) : throw std::runtime_error(to_string(result.error()));
}

asio::awaitable<void> have_a_session(ServiceClient& client) {
  const GetSpacesReply spaces = value_of(co_await client.get_spaces(kOptions));
  const ActionSpace& actions = spaces.action_space_list(0);
  const ObservationSpace& observations = spaces.observation_space_list(0);

  StartSessionRequest start;
  start.mutable_benchmark()->set_uri("benchmark://example/program");
  start.mutable_benchmark()->mutable_program()->set_contents("the program");
  const auto session = value_of(co_await client.start_session(std::move(start), kOptions));

  StepRequest step;
  step.set_session_id(session.session_id());
  step.add_action()->set_int64_value(1);
  step.add_observation_space(0);
  const auto stepped = value_of(co_await client.step(std::move(step), kOptions));
  std::cout << "after action '" << actions.space().named_discrete().name(1) << "' "
            << observations.name() << " is '" << stepped.observation(0).string_value() << "'\n";

  EndSessionRequest end;
  end.set_session_id(session.session_id());
  value_of(co_await client.end_session(std::move(end), kOptions));
}

asio::awaitable<void> run(CompletionQueuePump& pump, std::string binary) {
  ManagedServiceOptions options;
  options.binary = std::move(binary);
  const auto service = value_of(co_await ManagedService::async_start(std::move(options)));
  ServiceClient client(pump, service->target());
  co_await have_a_session(client);
  const ProcessExit exit = co_await service->async_stop();
  if (exit.returncode != 0) {
    throw std::runtime_error("the service ended with " + exit.describe());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " <binary of a compiler service>\n";
    return EXIT_FAILURE;
  }
  try {
    ClientLoop loop;
    loop.run(run(loop.pump(), argv[1]));
    return EXIT_SUCCESS;
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return EXIT_FAILURE;
  }
}

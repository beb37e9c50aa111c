// Code that README.md and docs/ show and no part of the tree contains: compiled, so that it stays true.
#include <iostream>
#include <stdexcept>

#include "client/service_client.h"

namespace compiler_gym::docs {

boost::asio::awaitable<void> session(ServiceClient& client, Benchmark benchmark) {
  StartSessionRequest start;
  *start.mutable_benchmark() = std::move(benchmark);
  const Result<StartSessionReply> started = co_await client.start_session(std::move(start));
  if (!started) {
    throw std::runtime_error(to_string(started.error()));
  }
  StepRequest step;
  step.set_session_id(started->session_id());
  step.add_action()->set_int64_value(103);  // -mem2reg
  step.add_observation_space(9);            // IrInstructionCount
  const Result<StepReply> stepped = co_await client.step(std::move(step));
  if (stepped) {
    std::cout << stepped->observation(0).int64_value() << " instructions\n";
  }
}

}  // namespace compiler_gym::docs

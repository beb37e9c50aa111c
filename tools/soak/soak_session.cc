#include "tools/soak/soak_session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace compiler_gym {

boost::asio::awaitable<void> async_pause(Clock::duration time) {
  Timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

StartSessionRequest soak_session(const std::string& name, std::string program) {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://compiler_gym-soak/" + name);
  request.mutable_benchmark()->mutable_program()->set_contents(std::move(program));
  return request;
}

boost::asio::awaitable<grpc::Status> async_start_and_end(ServiceClient& client,
                                                         StartSessionRequest start) {
  const auto started = co_await client.start_session(std::move(start), kSoakPatience);
  if (!started) {
    co_return started.error();
  }
  EndSessionRequest end;
  end.set_session_id(started->session_id());
  const auto ended = co_await client.end_session(std::move(end), kSoakPatience);
  co_return ended ? grpc::Status::OK : ended.error();
}

}  // namespace compiler_gym

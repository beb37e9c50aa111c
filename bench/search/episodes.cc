#include "bench/search/episodes.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace compiler_gym {
namespace {

using boost::asio::use_awaitable;
using Finished = boost::asio::experimental::channel<void(boost::system::error_code, grpc::Status)>;

boost::asio::awaitable<grpc::Status> run_one(EpisodeClient& client, Episode& episode) {
  Result<EpisodeClient::Started> started = co_await client.async_start();
  if (!started) {
    co_return started.error();
  }
  ProgramView view = std::move(started->view);
  episode.instructions.push_back(view.instructions);
  while (const std::optional<int> action = episode.next(view)) {
    Result<ProgramView> after = co_await client.async_step(started->session, *action);
    if (!after) {
      break;  // a pass has crashed, say
    }
    view = *std::move(after);
    episode.instructions.push_back(view.instructions);
  }
  co_await client.async_end(started->session);
  co_return grpc::Status::OK;
}

// One session after another, as long as there are episodes.
boost::asio::awaitable<grpc::Status> run_some(EpisodeClient& client, std::vector<Episode>& episodes,
                                              std::size_t& next) {
  grpc::Status status;
  while (next < episodes.size() && status.ok()) {
    Episode& episode = episodes[next++];
    status = co_await run_one(client, episode);
  }
  co_return status;
}

}  // namespace

boost::asio::awaitable<grpc::Status> async_run(EpisodeClient& client,
                                               std::vector<Episode>& episodes, int sessions) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Finished finished(executor, static_cast<std::size_t>(sessions));
  std::size_t next = 0;
  for (int i = 0; i < sessions; ++i) {
    boost::asio::co_spawn(executor, run_some(client, episodes, next),
                          [&finished](const std::exception_ptr& error, const grpc::Status& status) {
                            if (error != nullptr) {
                              std::rethrow_exception(error);
                            }
                            finished.try_send(boost::system::error_code(), status);
                          });
  }
  grpc::Status outcome;
  for (int i = 0; i < sessions; ++i) {
    const grpc::Status status = co_await finished.async_receive(use_awaitable);
    outcome = outcome.ok() ? status : outcome;
  }
  co_return outcome;
}

}  // namespace compiler_gym

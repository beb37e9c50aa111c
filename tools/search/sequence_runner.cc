#include "tools/search/sequence_runner.h"

#include <algorithm>
#include <utility>

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

// Greedy search goes on from two states in turns, and every search comes back to that after default<Oz>.
constexpr std::size_t kMostKept = 3;

}  // namespace

SequenceRunner::SequenceRunner(SearchClient& client, const PassList& passes,
                               std::string benchmark_uri, int observation_space)
    : client_(client),
      passes_(passes),
      benchmark_uri_(std::move(benchmark_uri)),
      observation_space_(observation_space) {}

asio::awaitable<Result<std::int64_t>> SequenceRunner::start_after(PassSequence passes) {
  Result<std::int64_t> session = co_await client_.async_start(benchmark_uri_);
  if (!session) {
    co_return session;
  }
  std::vector<std::string> texts = passes_.pipelines(passes);
  const grpc::Status applied = co_await client_.async_apply(*session, std::move(texts));
  if (!applied.ok()) {
    co_await client_.async_end(*session);
    co_return applied;
  }
  co_return session;
}

asio::awaitable<Result<std::int64_t>> SequenceRunner::fork_after(PassSequence passes) {
  const auto found = std::ranges::find(kept_, passes, &Kept::passes);
  if (found != kept_.end()) {
    std::rotate(kept_.begin(), found, found + 1);
    const std::int64_t known = kept_.front().session;
    co_return co_await client_.async_fork(known);
  }
  const Result<std::int64_t> session = co_await start_after(passes);
  if (!session) {
    co_return session;
  }
  kept_.push_front({std::move(passes), *session});
  if (kept_.size() > kMostKept) {
    const std::int64_t oldest = kept_.back().session;
    kept_.pop_back();
    co_await client_.async_end(oldest);
  }
  co_return co_await client_.async_fork(*session);
}

asio::awaitable<Result<std::int64_t>> SequenceRunner::async_measure(Proposal proposal) {
  const auto shared = static_cast<std::ptrdiff_t>(proposal.forked_after);
  const PassSequence& passes = proposal.passes;
  PassSequence before(passes.begin(), passes.begin() + shared);
  PassSequence after(passes.begin() + shared, passes.end());
  Result<std::int64_t> session = 0;
  if (before.empty()) {
    session = co_await client_.async_start(benchmark_uri_);
  } else {
    session = co_await fork_after(std::move(before));
  }
  if (!session) {
    co_return session;
  }
  std::vector<std::string> texts = passes_.pipelines(after);
  const grpc::Status applied = co_await client_.async_apply(*session, std::move(texts));
  Result<std::int64_t> value(applied);
  if (applied.ok()) {
    value = co_await client_.async_observe(*session, observation_space_);
  }
  co_await client_.async_end(*session);
  co_return value;
}

asio::awaitable<void> SequenceRunner::async_end() {
  while (!kept_.empty()) {
    const std::int64_t session = kept_.back().session;
    kept_.pop_back();
    co_await client_.async_end(session);
  }
}

}  // namespace compiler_gym

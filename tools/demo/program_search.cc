#include "tools/demo/program_search.h"

#include <limits>
#include <utility>

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

// One turn in so many forks the incumbent and walks on from there, measuring after each action: the
// cheapest way of looking around it. The others start afresh with a proposal, which is the only way to
// change what is in the middle.
constexpr int kTurnsPerWalk = 4;
constexpr int kStepsPerWalk = 8;

bool is_over(const Clock::time_point* until) {
  return Clock::now() >= *until;
}

}  // namespace

ProgramSearch::ProgramSearch(std::string name, ProgramClient client, SequenceSearch search)
    : client_(std::move(client)), search_(std::move(search)) {
  result_.name = std::move(name);
  result_.best.size = std::numeric_limits<std::int64_t>::max();
}

asio::awaitable<grpc::Status> ProgramSearch::async_measure_baselines() {
  const Result<Baselines> baselines = co_await client_.async_baselines();
  if (!baselines) {
    co_return baselines.error();
  }
  result_.baselines = *baselines;
  co_return grpc::Status::OK;
}

asio::awaitable<void> ProgramSearch::async_search(const Clock::time_point* until) {
  for (int turn = 1; !is_over(until); ++turn) {
    if (incumbent_ != nullptr && turn % kTurnsPerWalk == 0) {
      co_await explore_from_incumbent(until);
    } else {
      co_await try_proposal();
    }
  }
}

void ProgramSearch::report(const ScoredSequence& scored) {
  search_.report(scored);
  result_.best = search_.best();
}

asio::awaitable<void> ProgramSearch::try_proposal() {
  ScoredSequence scored{search_.propose(), 0};
  const Result<std::int64_t> session = co_await client_.async_start();
  if (!session) {
    co_return;
  }
  const Result<std::int64_t> size = co_await client_.async_step(*session, scored.actions);
  if (!size) {
    search_.penalise(scored.actions);
    co_await client_.async_end(*session);
    co_return;
  }
  scored.size = *size;
  const bool is_smaller = scored.size < result_.best.size;
  report(scored);
  if (is_smaller) {
    auto replacement = std::make_shared<Incumbent>();
    replacement->session_id = *session;
    replacement->actions = std::move(scored.actions);
    co_await replace_incumbent(std::move(replacement));
  } else {
    co_await client_.async_end(*session);
  }
}

asio::awaitable<void> ProgramSearch::replace_incumbent(std::shared_ptr<Incumbent> replacement) {
  const std::shared_ptr<Incumbent> former = std::exchange(incumbent_, std::move(replacement));
  if (former == nullptr) {
    co_return;
  }
  former->retired = true;
  if (former->users == 0) {
    co_await client_.async_end(former->session_id);
  }
}

asio::awaitable<void> ProgramSearch::explore_from_incumbent(const Clock::time_point* until) {
  const std::shared_ptr<Incumbent> incumbent = incumbent_;
  ++incumbent->users;
  const Result<std::int64_t> session = co_await client_.async_fork(incumbent->session_id);
  --incumbent->users;
  if (incumbent->retired && incumbent->users == 0) {
    co_await client_.async_end(incumbent->session_id);
  }
  if (session) {
    co_await walk(*session, incumbent->actions, until);
    co_await client_.async_end(*session);
  }
}

asio::awaitable<void> ProgramSearch::walk(std::int64_t session_id, ActionSequence actions,
                                          const Clock::time_point* until) {
  for (int i = 0; i < kStepsPerWalk && actions.size() < SequenceSearch::kMaxLength; ++i) {
    if (is_over(until)) {
      co_return;
    }
    const int action = search_.propose_action();
    actions.push_back(action);
    const Result<std::int64_t> size =
        co_await client_.async_step(session_id, ActionSequence(1, action));
    if (!size) {
      search_.penalise(ActionSequence(1, action));
      co_return;
    }
    report({actions, *size});
  }
}

asio::awaitable<void> ProgramSearch::async_end_incumbent() {
  co_await replace_incumbent(nullptr);
}

asio::awaitable<void> ProgramSearch::async_prune(const Clock::time_point* until) {
  bool is_shorter = true;
  while (is_shorter && !is_over(until)) {
    is_shorter = co_await prune_once(until);
  }
}

/// Tries to leave out each action in turn, from the last to the first. True if any could be.
asio::awaitable<bool> ProgramSearch::prune_once(const Clock::time_point* until) {
  bool is_shorter = false;
  for (std::size_t i = result_.best.actions.size(); i > 0 && !is_over(until); --i) {
    ScoredSequence without = result_.best;
    without.actions.erase(without.actions.begin() + static_cast<std::ptrdiff_t>(i - 1));
    const Result<std::int64_t> size = co_await client_.async_measure(without.actions);
    if (size && *size <= result_.best.size) {
      without.size = *size;
      result_.best = std::move(without);
      is_shorter = true;
    }
  }
  co_return is_shorter;
}

asio::awaitable<grpc::Status> ProgramSearch::async_verify() {
  const ActionSequence& actions = result_.best.actions;
  const Result<Fingerprint> at_once =
      co_await client_.async_replay(actions, SequenceSearch::kMaxLength);
  const Result<Fingerprint> one_by_one = co_await client_.async_replay(actions, 1);
  if (!at_once) {
    co_return at_once.error();
  }
  if (!one_by_one) {
    co_return one_by_one.error();
  }
  if (*at_once != *one_by_one || at_once->size != result_.best.size) {
    co_return data_loss(result_.name + ": found " + std::to_string(result_.best.size) +
                        " bytes, but replaying the sequence gives " +
                        std::to_string(at_once->size) + " (IR " + at_once->ir_sha1 + ") and " +
                        std::to_string(one_by_one->size) + " (IR " + one_by_one->ir_sha1 + ")");
  }
  co_return grpc::Status::OK;
}

}  // namespace compiler_gym

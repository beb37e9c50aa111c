#include "bench/search/strategies.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

#include "bench/search/episodes.h"
#include "bench/search/softmax_policy.h"

namespace compiler_gym {
namespace {

constexpr int kEpisodeLength = 45;

void take_in(const std::vector<Episode>& episodes, SearchOutcome& outcome) {
  constexpr std::uint64_t kPrime = 1'099'511'628'211U;
  for (const Episode& episode : episodes) {
    for (const std::int64_t instructions : episode.instructions) {
      outcome.checksum = (outcome.checksum ^ static_cast<std::uint64_t>(instructions)) * kPrime;
      outcome.fewest_instructions = std::min(outcome.fewest_instructions, instructions);
    }
  }
}

SearchOutcome nothing_yet() {
  return {.fewest_instructions = std::numeric_limits<std::int64_t>::max(), .checksum = 1};
}

int any_of(const std::vector<int>& actions, std::mt19937_64& random) {
  return actions[random() % actions.size()];
}

// ---------------------------------------------------------------------------------------- genetic search

using Sequence = std::vector<int>;

struct Individual {
  Sequence actions;
  std::int64_t instructions = 0;
};

constexpr std::size_t kPopulation = 32;
constexpr std::size_t kGenes = 30;

Sequence child_of(const std::vector<Individual>& parents, const std::vector<int>& actions,
                  std::mt19937_64& random) {
  const Sequence& mother = parents[random() % parents.size()].actions;
  const Sequence& father = parents[random() % parents.size()].actions;
  const auto cut = static_cast<std::ptrdiff_t>(random() % kGenes);
  Sequence child(mother.begin(), mother.begin() + cut);
  child.insert(child.end(), father.begin() + cut, father.end());
  constexpr std::uint64_t kOneIn = 20;
  for (int& gene : child) {
    if (random() % kOneIn == 0) {
      gene = any_of(actions, random);
    }
  }
  return child;
}

Episode replay_of(const Sequence& actions) {
  return {.next = [&actions, step = std::size_t{0}](const ProgramView&) mutable {
    return step < actions.size() ? std::optional(actions[step++]) : std::nullopt;
  }};
}

}  // namespace

boost::asio::awaitable<Result<SearchOutcome>> genetic_search(EpisodeClient& client,
                                                             SearchEffort effort) {
  std::mt19937_64 random(effort.seed);
  SearchOutcome outcome = nothing_yet();
  std::vector<Individual> population(kPopulation);
  for (Individual& individual : population) {
    std::generate_n(std::back_inserter(individual.actions), kGenes,
                    [&] { return any_of(client.actions(), random); });
  }
  for (int generation = 0; generation < effort.generations; ++generation) {
    std::vector<Episode> episodes;
    for (const Individual& individual : population) {
      episodes.push_back(replay_of(individual.actions));
    }
    const grpc::Status status = co_await async_run(client, episodes, effort.sessions);
    if (!status.ok()) {
      co_return status;
    }
    take_in(episodes, outcome);
    for (std::size_t i = 0; i < kPopulation; ++i) {
      population[i].instructions = episodes[i].instructions.back();
    }
    std::ranges::stable_sort(population, {}, &Individual::instructions);
    population.resize(kPopulation / 2);
    const std::vector<Individual> parents = population;
    while (population.size() < kPopulation) {
      population.push_back({.actions = child_of(parents, client.actions(), random)});
    }
  }
  co_return outcome;
}

// --------------------------------------------------------------------------------------- policy gradient

boost::asio::awaitable<Result<SearchOutcome>> policy_gradient(EpisodeClient& client,
                                                              SearchEffort effort) {
  constexpr std::size_t kBatch = 16;
  SearchOutcome outcome = nothing_yet();
  SoftmaxPolicy policy(client.actions().size());
  double baseline = 0;
  for (int batch = 0; batch < effort.batches; ++batch) {
    std::vector<PolicyTrace> traces(kBatch);
    std::vector<Episode> episodes;
    for (std::size_t i = 0; i < kBatch; ++i) {
      // Each its own, so that it does not matter which of the sessions is first.
      std::mt19937_64 random(effort.seed + kBatch * static_cast<std::size_t>(batch) + i);
      episodes.push_back({.next = [&policy, &client, &trace = traces[i],
                                   random](const ProgramView& view) mutable -> std::optional<int> {
        if (trace.actions.size() == kEpisodeLength) {
          return std::nullopt;
        }
        const std::size_t chosen = policy.choose(view.autophase, random, trace);
        return client.actions()[chosen];
      }});
    }
    const grpc::Status status = co_await async_run(client, episodes, effort.sessions);
    if (!status.ok()) {
      co_return status;
    }
    take_in(episodes, outcome);
    std::vector<double> returns;
    for (const Episode& episode : episodes) {
      const auto first = static_cast<double>(episode.instructions.front());
      returns.push_back((first - static_cast<double>(episode.instructions.back())) / first);
    }
    const double mean = std::accumulate(returns.begin(), returns.end(), 0.0) / kBatch;
    baseline = batch == 0 ? mean : 0.8 * baseline + 0.2 * mean;
    for (std::size_t i = 0; i < kBatch; ++i) {
      policy.learn(traces[i], returns[i] - baseline);
    }
  }
  co_return outcome;
}

// ------------------------------------------------------------------------------------------- random walk

boost::asio::awaitable<Result<SearchOutcome>> random_walk(EpisodeClient& client,
                                                          SearchEffort effort) {
  std::mt19937_64 random(effort.seed);
  SearchOutcome outcome = nothing_yet();
  std::vector<Sequence> walks(static_cast<std::size_t>(effort.walks));
  std::vector<Episode> episodes;
  for (Sequence& walk : walks) {
    std::generate_n(std::back_inserter(walk), kEpisodeLength,
                    [&] { return any_of(client.actions(), random); });
    episodes.push_back(replay_of(walk));
  }
  const grpc::Status status = co_await async_run(client, episodes, effort.sessions);
  if (!status.ok()) {
    co_return status;
  }
  take_in(episodes, outcome);
  co_return outcome;
}

}  // namespace compiler_gym

#include "bench/llvm/start_benchmarks.h"

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "bench/llvm/bench_modules.h"
#include "bench/llvm/other_ways.h"

namespace compiler_gym {
namespace {

using BenchmarkPtr = std::shared_ptr<const Benchmark>;

// Common passes, applied in turns to what is to be forked.
constexpr std::array kActions{"-mem2reg", "-simplifycfg", "-instcombine", "-early-cse",   "-licm",
                              "-gvn",     "-sccp",        "-adce",        "-loop-rotate", "-dse"};

// Each call of `body` returns the time to be counted.
benchmark::internal::Benchmark* add(const std::string& name, std::function<Seconds()> body) {
  return benchmark::RegisterBenchmark(name.c_str(),
                                      [body = std::move(body)](benchmark::State& state) {
                                        for (auto iteration : state) {
                                          state.SetIterationTime(body().count());
                                        }
                                      })
      ->UseManualTime();
}

// The same program as a benchmark that the service has not seen: told apart by how it is run.
BenchmarkPtr unseen(const Benchmark& program) {
  static int count = 0;
  auto benchmark = std::make_shared<Benchmark>(program);
  benchmark->mutable_dynamic_config()->mutable_run_cmd()->add_argument(std::to_string(++count));
  return benchmark;
}

Seconds first_start(BenchSessions& sessions, const Benchmark& program, TimeKind kind) {
  const BenchmarkPtr benchmark = unseen(program);
  std::unique_ptr<LlvmSession> session;
  return time_of(kind, [&] { session = sessions.start(benchmark); });
}

Seconds next_start(BenchSessions& sessions, const BenchmarkPtr& benchmark, TimeKind kind) {
  std::unique_ptr<LlvmSession> session;
  return time_of(kind, [&] { session = sessions.start(benchmark); });
}

// Of a benchmark that another session is on, so that it is in the cache.
Seconds start_parsed(BenchSessions& sessions, const BenchmarkPtr& benchmark, TimeKind kind) {
  const std::unique_ptr<LlvmSession> other = sessions.start(benchmark);
  return next_start(sessions, benchmark, kind);
}

Seconds start_with_spare(BenchSessions& sessions, const BenchmarkPtr& benchmark, TimeKind kind) {
  const SpareModules& spares = sessions.context().spare_modules();
  for (;;) {
    const std::uint64_t hits = spares.figures().hits;
    const Seconds time = next_start(sessions, benchmark, kind);
    if (spares.figures().hits > hits) {
      return time;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // it is being made
  }
}

Seconds end(BenchSessions& sessions, const BenchmarkPtr& benchmark, TimeKind kind) {
  std::unique_ptr<LlvmSession> session = sessions.start(benchmark);
  return time_of(kind, [&] { session.reset(); });
}

// A session and its forks. Made at the first fork, which other benchmarks need not wait for.
class Forked {
 public:
  Forked(BenchSessions& sessions, BenchmarkPtr benchmark, int actions)
      : sessions_(sessions), benchmark_(std::move(benchmark)), actions_(actions) {}

  Seconds fork(TimeKind kind) {
    if (parent_ == nullptr) {
      parent_ = sessions_.start(benchmark_);
      for (int i = 0; i < actions_; ++i) {
        BenchSessions::apply(*parent_, kActions[i % kActions.size()]);
      }
    }
    std::unique_ptr<LlvmSession> session;
    return time_of(kind, [&] { session = sessions_.fork(*parent_); });
  }

 private:
  BenchSessions& sessions_;
  const BenchmarkPtr benchmark_;
  const int actions_;
  std::unique_ptr<LlvmSession> parent_;
};

Seconds eager_start(BenchSessions& sessions, const Benchmark& program, EagerSizes sizes,
                    TimeKind kind) {
  const BenchmarkPtr benchmark = unseen(program);
  const std::string directory = sessions.context().workingDirectory().string();
  return time_of(kind, [&] {
    const std::unique_ptr<LlvmSession> session = sessions.start(benchmark);
    benchmark::DoNotOptimize(eager_baselines(program.program().contents(), sizes,
                                             sessions.context().target_machines(), directory));
  });
}

}  // namespace

void register_start_benchmarks(BenchSessions& with_spares, BenchSessions& without_spares,
                               TimeKind kind) {
  for (const ModuleSize module_size : kModuleSizes) {
    const std::string size(name_of(module_size));
    const BenchmarkPtr program = make_benchmark(bench_module(module_size));
    BenchSessions& plain = without_spares;
    const auto add_sized = [&](const std::string& name, std::function<Seconds()> body) {
      benchmark::internal::Benchmark* added =
          add(fmt::format("{}/{}", name, size), std::move(body));
      if (module_size == ModuleSize::kLarge) {
        added->Iterations(1);
      }
      return added;
    };
    const auto add_slow = [&](const std::string& name, std::function<Seconds()> body) {
      benchmark::internal::Benchmark* added = add_sized(name, std::move(body));
      if (module_size == ModuleSize::kLarge) {
        added->Repetitions(1);  // some take a minute
      }
    };
    add_sized("start/first",
              [&plain, program, kind] { return first_start(plain, *program, kind); });
    add_sized("start/parsed",
              [&plain, program, kind] { return start_parsed(plain, program, kind); });
    add_sized("start/spare", [&with_spares, program,
                              kind] { return start_with_spare(with_spares, program, kind); })
        // Each waits until the next spare module is made, which takes far longer.
        ->Iterations(10);
    add_sized("start/end", [&plain, program, kind] { return end(plain, program, kind); });
    for (const int actions : {0, 10, 50}) {
      const auto forked = std::make_shared<Forked>(plain, program, actions);
      add_slow("start/fork " + std::to_string(actions),
               [forked, kind] { return forked->fork(kind); });
    }
    for (const auto& [name, sizes] : {std::pair{"in process", EagerSizes::kInProcess},
                                      std::pair{"by processes", EagerSizes::kByProcesses}}) {
      add_slow("eager/" + std::string(name), [&plain, program, kind, how = sizes] {
        return eager_start(plain, *program, how, kind);
      });
    }
  }
}

}  // namespace compiler_gym

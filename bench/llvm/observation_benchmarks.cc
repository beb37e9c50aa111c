#include "bench/llvm/observation_benchmarks.h"

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <google/protobuf/arena.h>
#include <llvm/IR/Module.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "bench/llvm/bench_modules.h"
#include "bench/llvm/other_ways.h"
#include "sessions/llvm/cost_observations.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/module_observations.h"
#include "tools/support/require.h"

namespace compiler_gym {
namespace {

// A module of one size and sessions on it: what the benchmarks of that size work on.
struct Subject {
  Subject(BenchSessions& with, ModuleSize module_size)
      : sessions(with),
        size(module_size),
        session(with.start(make_benchmark(bench_module(module_size)))),
        bitcode(BenchSessions::observe(*session, "Bitcode").byte_tensor().value()),
        module(require(IrModule::parse(bitcode))) {}

  // To start it builds the program, which nobody should wait for who does not need it.
  LlvmSession& runnable() {
    if (runnable_ == nullptr) {
      runnable_ = sessions.start(make_runnable_benchmark(bench_module(size)));
    }
    return *runnable_;
  }

  BenchSessions& sessions;
  const ModuleSize size;
  std::unique_ptr<LlvmSession> session;
  std::string bitcode;  // as it is when a session starts
  IrModule module;

 private:
  std::unique_ptr<LlvmSession> runnable_;
};

using LazySubject = std::function<Subject&()>;
using Body = std::function<void(Subject&)>;

// To make the large module takes a second.
LazySubject when_needed(BenchSessions& sessions, ModuleSize size) {
  return [&sessions, size, made = std::make_shared<std::unique_ptr<Subject>>()]() -> Subject& {
    if (*made == nullptr) {
      *made = std::make_unique<Subject>(sessions, size);
    }
    return **made;
  };
}

void compute_cost(Subject& subject, const CostObservation& wanted) {
  const CostModel& cost_model = subject.sessions.context().cost_model();
  if (!wanted.baseline.has_value()) {
    benchmark::DoNotOptimize(require(
        cost_model.compute(wanted.cost, *subject.module,
                           {BenchmarkDynamicConfig::default_instance(), {}}, std::stop_token())));
    return;
  }
  const LoadedBenchmark never_asked({.bitcode = subject.bitcode, .module = {}}, {});
  benchmark::DoNotOptimize(require(
      never_asked.baseline_cost(*wanted.baseline, wanted.cost, cost_model, std::stop_token())));
}

void compute(Subject& subject, LlvmObservation observation, const std::string& name) {
  if (is_module_observation(observation)) {
    google::protobuf::Arena arena;  // where the service has its replies
    Event& event = *google::protobuf::Arena::CreateMessage<Event>(&arena);
    fill_module_observation(observation, *subject.module, event);
    benchmark::DoNotOptimize(event);
    return;
  }
  if (const std::optional<CostObservation> cost = as_cost(observation)) {
    compute_cost(subject, *cost);
    return;
  }
  const Event event = BenchSessions::observe(subject.runnable(), name);
  if (observation == LlvmObservation::kBitcodeFile) {
    unlink(event.string_value().c_str());  // as whoever asks has to
  }
}

// Something to be done to the subject before a benchmark of it begins.
LazySubject prepared(LazySubject subject, Body prepare) {
  return [subject = std::move(subject), prepare = std::move(prepare)]() -> Subject& {
    Subject& made = subject();
    prepare(made);
    return made;
  };
}

// What is measured does not include making its subject.
benchmark::internal::Benchmark* add(const std::string& name, LazySubject subject, Body body) {
  return benchmark::RegisterBenchmark(
             name.c_str(),
             [subject = std::move(subject), body = std::move(body)](benchmark::State& state) {
               Subject& made = subject();
               for (auto iteration : state) {
                 body(made);
               }
             })
      ->UseRealTime();
}

// Its processes' CPU time is not that of this thread.
benchmark::internal::Benchmark* add_processes(const std::string& name, TimeKind kind,
                                              LazySubject subject, Body body) {
  return benchmark::RegisterBenchmark(
             name.c_str(),
             [kind, subject = std::move(subject), body = std::move(body)](benchmark::State& state) {
               Subject& made = subject();
               for (auto iteration : state) {
                 state.SetIterationTime(time_of(kind, [&] { body(made); }).count());
               }
             })
      ->UseManualTime();
}

benchmark::internal::Benchmark* add_observation(const ObservationSpace& space,
                                                const std::string& size, LazySubject subject,
                                                TimeKind kind) {
  const std::string& name = space.name();
  const std::string benchmark = fmt::format("observation/{}/{}", name, size);
  const LlvmObservation observation = find_llvm_observation(name).value();
  Body body = [observation, name](Subject& made) { compute(made, observation, name); };
  if (!is_module_observation(observation) && !as_cost(observation).has_value()) {
    subject =
        prepared(std::move(subject), [](Subject& made) { static_cast<void>(made.runnable()); });
  }
  if (observation == LlvmObservation::kRuntime || observation == LlvmObservation::kBuildtime) {
    return add_processes(benchmark, kind, std::move(subject), std::move(body));
  }
  return add(benchmark, std::move(subject), std::move(body));
}

void add_again(const std::string& name, const LazySubject& subject, const std::string& space) {
  const Body observe = [space](Subject& made) {
    benchmark::DoNotOptimize(BenchSessions::observe(*made.session, space));
  };
  add(name, prepared(subject, observe), observe);
}

std::vector<benchmark::internal::Benchmark*> add_other_ways(const LazySubject& subject,
                                                            const std::string& size,
                                                            TimeKind kind) {
  return {
      add_processes("other/ObjectTextSizeBytes/" + size, kind, subject,
                    [](Subject& made) {
                      const std::string directory =
                          made.sessions.context().workingDirectory().string();
                      benchmark::DoNotOptimize(object_size_by_processes(made.bitcode, directory));
                    }),
      add("other/InstCount/" + size, subject,
          [](Subject& made) { benchmark::DoNotOptimize(inst_count_by_visitor(*made.module)); }),
      add("other/Programl/" + size, subject,
          [](Subject& made) { benchmark::DoNotOptimize(programl_by_dom(*made.module)); }),
      // The numbers without the wire's message around them.
      add("other/InstCount alone/" + size, subject,
          [](Subject& made) { benchmark::DoNotOptimize(inst_count(*made.module)); }),
  };
}

}  // namespace

void register_observation_benchmarks(BenchSessions& sessions, TimeKind kind) {
  for (const ModuleSize module_size : kModuleSizes) {
    const std::string size(name_of(module_size));
    const LazySubject subject = when_needed(sessions, module_size);
    auto added = add_other_ways(subject, size, kind);
    for (const ObservationSpace& space : llvm_observation_spaces()) {
      added.push_back(add_observation(space, size, subject, kind));
      if (space.deterministic() && module_size == ModuleSize::kSmall) {
        add_again(fmt::format("again/{}/{}", space.name(), size), subject, space.name());
      }
    }
    if (module_size == ModuleSize::kLarge) {
      for (benchmark::internal::Benchmark* benchmark : added) {
        benchmark->Iterations(1)->Repetitions(1);  // some take half a minute
      }
    }
  }
}

}  // namespace compiler_gym

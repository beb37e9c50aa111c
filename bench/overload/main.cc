// compiler_gym-overload: goodput, and who is still answered, at twice the capacity.
#include <fmt/core.h>

#include "bench/overload/overload.h"
#include "bench/support/bench_main.h"
#include "core/support/status.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-overload";

int run(int argc, char** argv) {
  FlagParser flags(
      "Usage: compiler_gym-overload [flags]\n\n"
      "Offers the LLVM service twice the steps it can do, and says how many it does, and how long\n"
      "GetVersion takes meanwhile.");
  flags.add_heading("Flags");
  flags.add("service", "BINARY", "service to start (default: compiler_gym-llvm-service beside it)");
  flags.add("program", "FILE", "bitcode; may be given several times (default: ../programs)");
  flags.add("rounds", "N (=5)", "rounds, of whose results the medians are shown");
  flags.add("seconds", "N (=4)", "of each measurement in a round");
  OverloadOptions options;
  const auto read = [&](const boost::filesystem::path& directory) -> grpc::Status {
    options.service = flags.text("service", (directory / "compiler_gym-llvm-service").string());
    flags.read("rounds", options.rounds, 1, 1000);
    int seconds = static_cast<int>(options.duration.count());
    flags.read("seconds", seconds, 1, 3600);
    options.duration = std::chrono::seconds(seconds);
    auto programs = program_files(flags.texts("program"), directory);
    if (!programs) {
      return programs.error();
    }
    options.programs = *std::move(programs);
    return grpc::Status::OK;
  };
  const auto measure = [&](ClientLoop& loop) -> grpc::Status {
    const auto rounds = loop.run(async_measure_overload(loop.pump(), options));
    if (!rounds) {
      return rounds.error();
    }
    fmt::print("{}", to_markdown(*rounds));
    return grpc::Status::OK;
  };
  return run_bench(kName, flags, argc, argv, read, measure);
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kBenchCouldNotRun, run, argc, argv);
}

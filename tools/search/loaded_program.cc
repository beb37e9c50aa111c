#include "tools/search/loaded_program.h"

#include <utility>

#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

// The code generator that ships makes the program that is run.
constexpr const char* kBuild = "$CC -Oz -Xclang -disable-llvm-passes $IN -o a.out -lm";
constexpr int kRunSeconds = 10;

asio::awaitable<Result<std::string>> bitcode_of(CommandRunner& commands, const ProgramFile& file) {
  if (!file.is_source) {
    co_return read_file(file.path);
  }
  std::string output = commands.new_file("bc");
  std::string command = module_command(file, output);
  co_return co_await commands.async_output(std::move(command), std::move(output));
}

Benchmark benchmark_of(const std::string& uri, const std::string& bitcode) {
  Benchmark benchmark;
  benchmark.set_uri(uri);
  benchmark.mutable_program()->set_contents(bitcode);
  return benchmark;
}

void add_commands(BenchmarkDynamicConfig& config) {
  config.mutable_build_cmd()->add_argument(kBuild);
  config.mutable_build_cmd()->add_outfile("a.out");
  config.mutable_run_cmd()->add_argument("./a.out");
  config.mutable_run_cmd()->set_timeout_seconds(kRunSeconds);
}

/// Fills in the sizes by -Oz.
asio::awaitable<grpc::Status> ask_baselines(SearchClient& client, LoadedProgram& program) {
  const Result<std::int64_t> session = co_await client.async_start(program.uri);
  if (!session) {
    co_return session.error();
  }
  const Result<std::int64_t> size =
      co_await client.async_observe(*session, client.spaces().size_oz);
  const Result<std::int64_t> instructions =
      co_await client.async_observe(*session, client.spaces().instructions_oz);
  co_await client.async_end(*session);
  for (const auto* number : {&size, &instructions}) {
    if (!*number) {
      co_return number->error();
    }
  }
  if (*size <= 0 || *instructions <= 0) {
    co_return failed_precondition("-Oz leaves nothing of it that could be smaller");
  }
  program.size_oz = *size;
  program.instructions_oz = *instructions;
  co_return grpc::Status::OK;
}

/// What a session says in which nothing has been done.
asio::awaitable<Result<ProgramVerdict>> verdict_of(SearchClient& client, std::string uri) {
  const Result<std::int64_t> session = co_await client.async_start(std::move(uri));
  if (!session) {
    co_return session.error();
  }
  Result<ProgramVerdict> verdict = co_await client.async_validate(*session);
  co_await client.async_end(*session);
  co_return verdict;
}

/// Finds out whether it can be validated.
asio::awaitable<grpc::Status> make_runnable(SearchClient& client, LoadedProgram& program,
                                            const std::string& bitcode, ValidateWhen when) {
  if (when == ValidateWhen::kNever) {
    co_return grpc::Status::OK;
  }
  const std::string uri = program.uri + "/run";
  Benchmark benchmark = benchmark_of(uri, bitcode);
  add_commands(*benchmark.mutable_dynamic_config());
  const grpc::Status added = co_await client.async_add(std::move(benchmark));
  if (!added.ok()) {
    co_return added;
  }
  const Result<ProgramVerdict> verdict = co_await verdict_of(client, uri);
  if (verdict && verdict->is_validated()) {
    program.runnable_uri = uri;
    co_return grpc::Status::OK;
  }
  // Without a verdict: it has no main, or fails as it is. Anything else is not the program's fault.
  const bool cannot_run =
      verdict || verdict.error().error_code() == grpc::StatusCode::INVALID_ARGUMENT;
  if (cannot_run && when == ValidateWhen::kAuto) {
    co_return grpc::Status::OK;
  }
  co_return verdict
      ? failed_precondition("it can't be validated: " + verdict->verdict + ": " + verdict->reason)
      : verdict.error();
}

/// Whether clang makes of it what the service says.
asio::awaitable<grpc::Status> compare_with_clang(CommandRunner& commands,
                                                 const LoadedProgram& program) {
  std::string object = commands.new_file("o");
  std::string command = baseline_command(program.file, object);
  const Result<std::int64_t> by_clang =
      co_await commands.async_text_size(std::move(command), std::move(object));
  if (!by_clang) {
    co_return by_clang.error();
  }
  if (*by_clang != program.size_oz) {
    co_return failed_precondition("clang -Oz makes " + std::to_string(*by_clang) +
                                  " bytes of it, and the service says " +
                                  std::to_string(program.size_oz));
  }
  co_return grpc::Status::OK;
}

}  // namespace

asio::awaitable<Result<LoadedProgram>> async_load_program(SearchClient& client,
                                                          CommandRunner& commands, ProgramFile file,
                                                          std::string uri, ValidateWhen validate) {
  LoadedProgram program{.file = std::move(file), .uri = std::move(uri)};
  const Result<std::string> bitcode = co_await bitcode_of(commands, program.file);
  if (!bitcode) {
    co_return bitcode.error();
  }
  Benchmark benchmark = benchmark_of(program.uri, *bitcode);
  grpc::Status status = co_await client.async_add(std::move(benchmark));
  if (status.ok()) {
    status = co_await ask_baselines(client, program);
  }
  if (status.ok()) {
    status = co_await make_runnable(client, program, *bitcode, validate);
  }
  if (status.ok()) {
    status = co_await compare_with_clang(commands, program);
  }
  if (!status.ok()) {
    co_return status;
  }
  co_return program;
}

}  // namespace compiler_gym

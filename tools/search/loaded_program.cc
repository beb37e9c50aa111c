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

Benchmark benchmark_of(const std::string& uri, std::string bitcode) {
  Benchmark benchmark;
  benchmark.set_uri(uri);
  benchmark.mutable_program()->set_contents(std::move(bitcode));
  BenchmarkDynamicConfig& config = *benchmark.mutable_dynamic_config();
  config.mutable_build_cmd()->add_argument(kBuild);
  config.mutable_build_cmd()->add_outfile("a.out");
  config.mutable_run_cmd()->add_argument("./a.out");
  config.mutable_run_cmd()->set_timeout_seconds(kRunSeconds);
  return benchmark;
}

/// Whether a session in which nothing has been done is validated. Only what is the program's fault is no
/// error.
asio::awaitable<Result<bool>> can_validate(SearchClient& client, std::int64_t session,
                                           ValidateWhen when) {
  if (when == ValidateWhen::kNever) {
    co_return false;
  }
  const Result<ProgramVerdict> verdict = co_await client.async_validate(session);
  const bool is_validated = verdict && verdict->is_validated();
  const bool is_programs_fault =
      verdict || verdict.error().error_code() == grpc::StatusCode::INVALID_ARGUMENT;
  if (!is_programs_fault) {
    co_return verdict.error();
  }
  if (!is_validated && when == ValidateWhen::kAlways) {
    co_return verdict
        ? failed_precondition("it can't be validated: " + verdict->verdict + ": " + verdict->reason)
        : verdict.error();
  }
  co_return is_validated;
}

/// Fills in what the service knows.
asio::awaitable<grpc::Status> ask_service(SearchClient& client, LoadedProgram& program,
                                          ValidateWhen validate) {
  const Result<std::int64_t> session = co_await client.async_start(program.uri);
  if (!session) {
    co_return session.error();
  }
  const Result<std::int64_t> size =
      co_await client.async_observe(*session, client.spaces().size_oz);
  const Result<std::int64_t> instructions =
      co_await client.async_observe(*session, client.spaces().instructions_oz);
  const Result<bool> validated = co_await can_validate(client, *session, validate);
  co_await client.async_end(*session);
  for (const auto* number : {&size, &instructions}) {
    if (!*number) {
      co_return number->error();
    }
  }
  if (!validated) {
    co_return validated.error();
  }
  if (*size <= 0 || *instructions <= 0) {
    co_return failed_precondition("-Oz leaves nothing of it that could be smaller");
  }
  program.size_oz = *size;
  program.instructions_oz = *instructions;
  program.can_validate = *validated;
  co_return grpc::Status::OK;
}

}  // namespace

asio::awaitable<Result<LoadedProgram>> async_load_program(SearchClient& client,
                                                          CommandRunner& commands, ProgramFile file,
                                                          std::string uri, ValidateWhen validate) {
  LoadedProgram program{.file = std::move(file), .uri = std::move(uri)};
  Result<std::string> bitcode = co_await bitcode_of(commands, program.file);
  if (!bitcode) {
    co_return bitcode.error();
  }
  Benchmark benchmark = benchmark_of(program.uri, *std::move(bitcode));
  const grpc::Status added = co_await client.async_add(std::move(benchmark));
  if (!added.ok()) {
    co_return added;
  }
  const grpc::Status asked = co_await ask_service(client, program, validate);
  if (!asked.ok()) {
    co_return asked;
  }
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
  co_return program;
}

}  // namespace compiler_gym

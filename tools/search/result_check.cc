#include "tools/search/result_check.h"

#include <utility>
#include <vector>

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

CheckedResult not_reproducible(const char* what, std::int64_t value, std::int64_t found) {
  return {.verdict = CheckVerdict::kNotReproducible,
          .reason = std::string(what) + " " + std::to_string(value) + ", not to " +
                    std::to_string(found)};
}

/// A command that fails comes to nothing; one that can't be run says nothing.
bool is_fault_of_command(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::INTERNAL ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

}  // namespace

std::optional<CheckVerdict> fault_of_passes(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::DATA_LOSS:
      return CheckVerdict::kCrashed;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return CheckVerdict::kHung;
    default:
      return std::nullopt;
  }
}

ResultCheck::ResultCheck(SearchClient& client, CommandRunner& commands, const PassList& passes)
    : client_(client), commands_(commands), passes_(passes) {}

asio::awaitable<Result<CheckedResult>> ResultCheck::async_check(const LoadedProgram& program,
                                                                Objective objective,
                                                                ScoredSequence found) {
  const Result<CheckedResult> replayed = co_await replay(program, objective, found);
  const std::optional<CheckVerdict> fault =
      replayed ? std::nullopt : fault_of_passes(replayed.error());
  if (fault) {
    co_return CheckedResult{.verdict = *fault, .reason = replayed.error().error_message()};
  }
  if (!replayed || replayed->verdict != CheckVerdict::kPassed) {
    co_return replayed;
  }
  if (objective == Objective::kSize) {
    co_return co_await run_object_command(program, std::move(found));
  }
  co_return co_await run_bitcode_command(program, std::move(found));
}

asio::awaitable<Result<CheckedResult>> ResultCheck::replay(const LoadedProgram& program,
                                                           Objective objective,
                                                           ScoredSequence found) {
  const std::string& uri = program.can_validate() ? program.runnable_uri : program.uri;
  const Result<std::int64_t> session = co_await client_.async_start(uri);
  if (!session) {
    co_return session.error();
  }
  std::vector<std::string> pipelines = passes_.pipelines(found.passes);
  const grpc::Status applied = co_await client_.async_apply(*session, std::move(pipelines));
  Result<CheckedResult> verdict(applied);
  if (applied.ok()) {
    verdict = co_await compare(program, objective, found.value, *session);
  }
  co_await client_.async_end(*session);
  co_return verdict;
}

asio::awaitable<Result<CheckedResult>> ResultCheck::compare(const LoadedProgram& program,
                                                            Objective objective, std::int64_t value,
                                                            std::int64_t session) {
  const Result<std::int64_t> again =
      co_await client_.async_observe(session, client_.spaces().value(objective));
  if (!again) {
    co_return again.error();
  }
  if (*again != value) {
    co_return not_reproducible("a new session comes to", *again, value);
  }
  if (!program.can_validate()) {
    co_return CheckedResult();
  }
  const Result<ProgramVerdict> validation = co_await client_.async_validate(session);
  if (!validation) {
    co_return validation.error();
  }
  if (!validation->is_validated()) {
    co_return CheckedResult{.verdict = CheckVerdict::kMiscompiled,
                            .reason = validation->verdict + ": " + validation->reason};
  }
  co_return CheckedResult();
}

asio::awaitable<Result<CheckedResult>> ResultCheck::run_object_command(const LoadedProgram& program,
                                                                       ScoredSequence found) {
  const std::vector<std::string> passes = passes_.pipelines(found.passes);
  std::int64_t by_command = 0;
  for (const CommandShape shape : kCommandShapes) {
    std::string object = commands_.new_file("o");
    std::string command = object_command(program.file, passes, shape, object);
    const Result<std::int64_t> size =
        co_await commands_.async_text_size(std::move(command), std::move(object));
    if (!size && !is_fault_of_command(size.error())) {
      co_return size.error();
    }
    if (size && *size == found.value) {
      co_return CheckedResult{
          .command = object_command(program.file, passes, shape, program.file.name + ".o")};
    }
    by_command = size ? *size : 0;
  }
  co_return not_reproducible("the command comes to", by_command, found.value);
}

asio::awaitable<Result<CheckedResult>> ResultCheck::run_bitcode_command(
    const LoadedProgram& program, ScoredSequence found) {
  const std::vector<std::string> passes = passes_.pipelines(found.passes);
  std::int64_t by_command = 0;
  for (const bool apart : {false, true}) {
    std::string file = commands_.new_file("bc");
    std::string command = bitcode_command(program.file, passes, apart, file);
    Result<std::string> bitcode =
        co_await commands_.async_output(std::move(command), std::move(file));
    if (!bitcode && !is_fault_of_command(bitcode.error())) {
      co_return bitcode.error();
    }
    if (bitcode) {
      const Result<std::int64_t> count = co_await count_instructions(*std::move(bitcode));
      if (!count) {
        co_return count.error();
      }
      by_command = *count;
    }
    if (by_command == found.value) {
      co_return CheckedResult{
          .command = bitcode_command(program.file, passes, apart, program.file.name + ".opt.bc")};
    }
  }
  co_return not_reproducible("the command comes to", by_command, found.value);
}

/// As the service counts them: of a program that is what the command made.
asio::awaitable<Result<std::int64_t>> ResultCheck::count_instructions(std::string bitcode) {
  Benchmark benchmark;
  const std::string uri =
      "benchmark://compiler_gym-search-check/" + std::to_string(++bitcode_files_);
  benchmark.set_uri(uri);
  benchmark.mutable_program()->set_contents(std::move(bitcode));
  const grpc::Status added = co_await client_.async_add(std::move(benchmark));
  if (!added.ok()) {
    co_return added;
  }
  const Result<std::int64_t> session = co_await client_.async_start(uri);
  if (!session) {
    co_return session.error();
  }
  Result<std::int64_t> count =
      co_await client_.async_observe(*session, client_.spaces().instructions);
  co_await client_.async_end(*session);
  co_return count;
}

}  // namespace compiler_gym

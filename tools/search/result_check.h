// Whether what a search has found is so.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "core/support/status.h"
#include "tools/search/command_runner.h"
#include "tools/search/loaded_program.h"
#include "tools/search/pass_list.h"
#include "tools/search/search_client.h"

namespace compiler_gym {

enum class CheckVerdict {
  kPassed,
  kCrashed,          ///< a pass did, which it had not before
  kHung,             ///< likewise
  kMiscompiled,      ///< the program does something else than it did
  kNotReproducible,  ///< a new session, or the command, comes to something else
};

struct CheckedResult {
  CheckVerdict verdict = CheckVerdict::kPassed;
  /// What makes it, if it passed.
  std::string command{};
  /// What is wrong, if it did not.
  std::string reason{};
};

/// A new session runs the passes and has to come to the same; the program that it has then has to do what
/// the program did, if it can be validated; and the command that a user is told has to give the same. It
/// is run here as it is printed, but for the name of the file that it makes.
/// Lifetime: refers to what it is made of.
class ResultCheck {
 public:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  ResultCheck(SearchClient& client, CommandRunner& commands, const PassList& passes);

  /// Errors: what keeps it from being checked.
  [[nodiscard]] Awaitable<Result<CheckedResult>> async_check(const LoadedProgram& program,
                                                             Objective objective,
                                                             ScoredSequence found);

 private:
  [[nodiscard]] Awaitable<Result<CheckedResult>> replay(const LoadedProgram& program,
                                                        Objective objective, ScoredSequence found);
  [[nodiscard]] Awaitable<Result<CheckedResult>> compare(const LoadedProgram& program,
                                                         Objective objective, std::int64_t value,
                                                         std::int64_t session);
  [[nodiscard]] Awaitable<Result<CheckedResult>> run_object_command(const LoadedProgram& program,
                                                                    ScoredSequence found);
  [[nodiscard]] Awaitable<Result<CheckedResult>> run_bitcode_command(const LoadedProgram& program,
                                                                     ScoredSequence found);
  [[nodiscard]] Awaitable<Result<std::int64_t>> count_instructions(std::string bitcode);

  SearchClient& client_;
  CommandRunner& commands_;
  const PassList& passes_;
  std::uint64_t bitcode_files_ = 0;
};

/// Whether a measurement failed for the passes, so that others may do better: kCrashed or kHung.
[[nodiscard]] std::optional<CheckVerdict> fault_of_passes(const grpc::Status& status);

}  // namespace compiler_gym

// Validates the programs of many sessions without blocking an event loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/run/program_validator.h"
#include "sessions/llvm/run/scratch_directory.h"
#include "sessions/llvm/run/validation.h"

namespace compiler_gym {

/// A ProgramValidator for each benchmark, and threads to run them on.
/// Threads:  on one strand.
/// Lifetime: until what was begun has completed. Directories are made under the temporary directory
///           and removed with it.
class ValidatorPool {
 public:
  /// Errors: FAILED_PRECONDITION if there is no clang; INTERNAL if no directory can be made.
  [[nodiscard]] static Result<std::unique_ptr<ValidatorPool>> create(std::size_t threads);

  ValidatorPool(const ValidatorPool&) = delete;
  ValidatorPool& operator=(const ValidatorPool&) = delete;

  /// Compares what a session has made of its benchmark, `bitcode`, with the benchmark, which holds
  /// its program as bytes. Benchmarks are told apart by their URIs.
  [[nodiscard]] boost::asio::awaitable<Validation> async_validate(const Benchmark& benchmark,
                                                                  std::string bitcode);

 private:
  ValidatorPool(std::size_t threads, std::string clang, ScratchDirectory scratch);

  const std::string clang_;
  const ScratchDirectory scratch_;
  std::map<std::string, std::unique_ptr<ProgramValidator>> validators_;
  boost::asio::thread_pool threads_;  // last: they use what is above
};

}  // namespace compiler_gym

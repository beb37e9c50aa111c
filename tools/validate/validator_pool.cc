#include "tools/validate/validator_pool.h"

#include <boost/filesystem/operations.hpp>
#include <stop_token>
#include <utility>

#include "core/run_on.h"
#include "sessions/llvm/run/clang_path.h"

namespace compiler_gym {

ValidatorPool::ValidatorPool(std::size_t threads, std::string clang, ScratchDirectory scratch)
    : clang_(std::move(clang)), scratch_(std::move(scratch)), threads_(threads) {}

Result<std::unique_ptr<ValidatorPool>> ValidatorPool::create(std::size_t threads) {
  Result<std::string> clang = ClangPath().get();
  if (!clang) {
    return clang.error();
  }
  Result<ScratchDirectory> scratch =
      ScratchDirectory::create(boost::filesystem::temp_directory_path());
  if (!scratch) {
    return scratch.error();
  }
  return std::unique_ptr<ValidatorPool>(
      new ValidatorPool(threads, *std::move(clang), *std::move(scratch)));
}

boost::asio::awaitable<Validation> ValidatorPool::async_validate(const Benchmark& benchmark,
                                                                 std::string bitcode) {
  std::unique_ptr<ProgramValidator>& validator = validators_[benchmark.uri()];
  if (validator == nullptr) {
    validator = std::make_unique<ProgramValidator>(
        benchmark.dynamic_config(), benchmark.program().contents(), clang_, scratch_.path());
  }
  auto check = [&program = *validator, bitcode = std::move(bitcode)] {
    return program.validate(bitcode, std::stop_token());
  };
  co_return co_await run_on(threads_.get_executor(), std::move(check));
}

}  // namespace compiler_gym

// One method on one program: searches, and checks what comes of it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>

#include "core/support/clock.h"
#include "core/support/status.h"
#include "tools/search/loaded_program.h"
#include "tools/search/pass_list.h"
#include "tools/search/result_check.h"
#include "tools/search/search_client.h"
#include "tools/search/search_report.h"

namespace compiler_gym {

/// How much each search may do.
struct SearchBudget {
  int steps = 0;  ///< 0: it is `duration`
  std::chrono::seconds duration{0};
  /// Becomes true when searches are to end early.
  const bool* is_over = nullptr;

  /// Of a search that began then and has measured so much: the share of its budget that is used up, from
  /// 0 to 1.
  [[nodiscard]] double spent(Clock::time_point began, int measurements) const;
};

/// What all searches share; it outlives them.
struct SearchSetting {
  SearchClient& client;
  const PassList& passes;
  ResultCheck& check;
  SearchBudget budget;
};

/// `progress` is set to the share of the budget that is used up.
/// Errors: what is neither the passes' fault nor the program's.
[[nodiscard]] boost::asio::awaitable<Result<MethodResult>> async_run_method(
    const SearchSetting& setting, const LoadedProgram& program, Objective objective,
    MethodKind method, std::uint64_t seed, double& progress);

}  // namespace compiler_gym

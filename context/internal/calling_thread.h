// An executor for contexts that nobody hosts.
#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <type_traits>
#include <utility>

namespace compiler_gym::internal {

/// Runs what is submitted inside the call, on the caller's thread. A strand on it still keeps
/// functions apart: what comes while another thread is in the strand is run by that thread.
///
/// It has no thread of its own, and that is what it is for: a process that forks may have one only,
/// while the system executor, at hand for the same purpose, starts several when it is first named.
class CallingThread {
 public:
  [[nodiscard]] boost::asio::execution_context& query(
      boost::asio::execution::context_t /*property*/) const {
    static boost::asio::execution_context context;
    return context;
  }
  // A caller that asks not to be blocked is blocked all the same, as long as the function runs.
  [[nodiscard]] CallingThread require(
      boost::asio::execution::blocking_t::never_t /*property*/) const {
    return *this;
  }

  template <typename Function>
  void execute(Function&& function) const {
    std::decay_t<Function> once(std::forward<Function>(function));
    once();
  }

  bool operator==(const CallingThread& /*other*/) const noexcept { return true; }
  bool operator!=(const CallingThread& /*other*/) const noexcept { return false; }
};

}  // namespace compiler_gym::internal

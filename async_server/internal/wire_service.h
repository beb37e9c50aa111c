// The generated service with every method raw: requests and replies stay bytes, and are parsed and
// serialised where we choose, which for a 100 MB benchmark is not the thread that reads the
// completion queue.
#pragma once

#include "proto/rpcs.h"

namespace compiler_gym::internal {

template <typename Rpcs>
struct WithRawMethods;
template <>
struct WithRawMethods<rpc::List<>> {
  using type = CompilerGymService::Service;
};
template <typename Rpc, typename... Rest>
struct WithRawMethods<rpc::List<Rpc, Rest...>> {
  using type = typename Rpc::template Raw<typename WithRawMethods<rpc::List<Rest...>>::type>;
};

using WireService = WithRawMethods<rpc::All>::type;

}  // namespace compiler_gym::internal

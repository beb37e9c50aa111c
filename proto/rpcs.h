// The RPCs of CompilerGymService, each named once: what clients, servers and streams know of it.
#pragma once

#include "proto/compiler_gym_service.grpc.pb.h"
#include "proto/compiler_gym_stream.pb.h"

/// The list. Applies a macro to each RPC's name in the .proto files and its name as a function or a
/// field: `PLAIN` for those whose request says nothing and so is no function's argument, `WITH_REQUEST`
/// for the others. C++ makes no function's name out of a type; for all else there are the traits
/// below.
#define COMPILER_GYM_RPCS(PLAIN, WITH_REQUEST) \
  PLAIN(GetVersion, get_version)               \
  PLAIN(GetSpaces, get_spaces)                 \
  WITH_REQUEST(StartSession, start_session)    \
  WITH_REQUEST(ForkSession, fork_session)      \
  WITH_REQUEST(EndSession, end_session)        \
  WITH_REQUEST(Step, step)                     \
  WITH_REQUEST(AddBenchmark, add_benchmark)    \
  WITH_REQUEST(SendSessionParameter, send_session_parameter)

/// One struct for each RPC, `rpc::Step` for example, with
///   Request, Reply        its messages
///   kName                 its name in the .proto
///   kField                its number in the oneofs of StreamRequest and StreamReply
///   kPrepareAsync         the stub's function that prepares a call
///   kStreamRequest        the accessors of those oneofs
///   kStreamReply
///   kAccept<Service>      the function of an asynchronous service that asks for the next call
///   Raw<Base>             the service `Base` with this method raw: its messages stay bytes
namespace compiler_gym::rpc {

#define COMPILER_GYM_RPC_TRAITS(Name, name)                                              \
  struct Name {                                                                          \
    using Request = Name##Request;                                                       \
    using Reply = Name##Reply;                                                           \
    static constexpr const char* kName = #Name;                                          \
    static constexpr int kField = StreamRequest::k##Name##FieldNumber;                   \
    static_assert(kField == StreamReply::k##Name##FieldNumber,                           \
                  "a reply is encoded under the number of its request");                 \
    static constexpr auto kPrepareAsync = &CompilerGymService::Stub::PrepareAsync##Name; \
    static constexpr auto kStreamRequest = &StreamRequest::mutable_##name;               \
    static constexpr auto kStreamReply = &StreamReply::mutable_##name;                   \
    template <typename Service>                                                          \
    static constexpr auto kAccept = &Service::Request##Name;                             \
    template <typename Base>                                                             \
    using Raw = CompilerGymService::WithRawMethod_##Name<Base>;                          \
  };
COMPILER_GYM_RPCS(COMPILER_GYM_RPC_TRAITS, COMPILER_GYM_RPC_TRAITS)
#undef COMPILER_GYM_RPC_TRAITS

template <typename... Rpcs>
struct List {};

namespace internal {
template <typename Ignored, typename... Rpcs>
struct ListAfter {
  using type = List<Rpcs...>;
};
}  // namespace internal

/// Every RPC.
#define COMPILER_GYM_NEXT_RPC(Name, name) , Name
using All =
    internal::ListAfter<void COMPILER_GYM_RPCS(COMPILER_GYM_NEXT_RPC, COMPILER_GYM_NEXT_RPC)>::type;
#undef COMPILER_GYM_NEXT_RPC

/// Calls `visit.template operator()<Rpc>()` for each of a list's RPCs.
template <typename... Rpcs, typename Visit>
constexpr void for_each(List<Rpcs...> /*rpcs*/, Visit&& visit) {
  (visit.template operator()<Rpcs>(), ...);
}

/// Whether a oneof of CompilerGymStream has an RPC's message in the field of that number.
template <typename... Rpcs>
constexpr bool has_field(List<Rpcs...> /*rpcs*/, int field) {
  return ((field == Rpcs::kField) || ...);
}

}  // namespace compiler_gym::rpc

// Who a request comes from.
#pragma once

#include <cstdint>

namespace compiler_gym {

/// One client's requests have the same, by which clients are told apart where they share what there is
/// too little of. What counts as one is its transport's business; ids say nothing else.
enum class ClientId : std::uint64_t {};

}  // namespace compiler_gym

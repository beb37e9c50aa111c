// The wire as a set of facts, one line of text each, so that two descriptions of it can be
// compared.
#pragma once

#include <google/protobuf/descriptor.h>

#include <iosfwd>
#include <set>
#include <string>

namespace compiler_gym::testing {

/// For example
///
///     message StepRequest
///     StepRequest: 2 action repeated Event
///     Space: 5 discrete DiscreteSpace in oneof value
///     StartSessionRequest: 1 is reserved
///     rpc Step(StepRequest) returns StepReply
using WireFacts = std::set<std::string>;

/// What the generated code says.
[[nodiscard]] WireFacts facts_of_descriptor(const google::protobuf::FileDescriptor& file);

/// What a table like tests/data/wire_table.md says. Throws std::runtime_error, with the line, on
/// what it cannot read.
[[nodiscard]] WireFacts facts_of_table(std::istream& table);

}  // namespace compiler_gym::testing

// The flags of a service: what the command line, --help, the man page and docs/flags.md are made from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "async_server/command_line.h"
#include "async_server/internal/flag_values.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

enum class FlagGroup {
  kCommon,    ///< what people set: --help shows these
  kAdvanced,  ///< the rest: --help-all has all
  kHidden,    ///< what makes documents of the others
};

struct Flag {
  std::string name;
  /// What stands for the value. Empty: the flag takes none, and store() is not called.
  std::string argument;
  /// As people are told; empty: there is none, or the meaning says it.
  std::string standard;
  std::string meaning;  ///< a sentence without its full stop
  FlagGroup group = FlagGroup::kAdvanced;
  bool repeatable = false;
  /// Given without a value, it is true.
  bool is_switch = false;
  /// Puts the values where they belong, or says what is wrong with them.
  std::function<grpc::Status(const FlagValues&, ServiceCommand&)> store{};
};

/// In the order in which people read them. The values are stored in that order too: a flag that others
/// derive from, as the byte bounds do from `memory_budget`, stands before them.
[[nodiscard]] const std::vector<Flag>& service_flags();

}  // namespace compiler_gym::internal

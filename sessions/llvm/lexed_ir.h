// The observation `LexedIr`: the textual IR of a module as a list of tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// Makes `event` the observation LexedIr of a module's text (llvm::Module::print): an `event_dict`
/// of four tensors of one entry per token, in the order of the text.
///   token_id        int64   LLVM 10's number of the token's kind, e.g. 398
///   token_kind      string  its name, e.g. `LocalVar`
///   token_category  string  keyword, uintval, strval, type, apfloat, apsint or marker (the last
///   for Error only) token_value     string  of a strval: its text without sigil and quotes,
///   unprintable characters, `\` and `"` as `\XX`.
///                           Empty for the other categories, in CompilerGym as well.
/// Errors:   never fails. Text that is not LLVM assembly gives tokens of kind `Error`.
/// Source:   CompilerGym 0.2.5, observation space LexedIr.
void fill_lexed_ir(std::string_view ir, Event& event);

}  // namespace compiler_gym

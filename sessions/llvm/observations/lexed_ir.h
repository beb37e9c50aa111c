// The observation `LexedIr`: the textual IR of a module as a list of tokens.
#pragma once

#include <string>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// Makes `event` the observation LexedIr of a module's text: an `event_dict` of four tensors with one entry per token, in
/// the order of the text.
///
///   token_id        int64   number of the token's kind in LLVM 10's lltok::Kind, e.g. 398; kinds that are newer than
///                           LLVM 10 have numbers from 416 on (lexed_ir_tokens.def)
///   token_kind      string  name of the kind, e.g. `LocalVar` or `kw_define`
///   token_category  string  `keyword` (punctuation too), `uintval`, `strval`, `type`, `apfloat`, `apsint`; `marker` for
///                           what is no token, of kind `Error`
///   token_value     string  of a `strval` its text without sigil, quotes or colon; what is not printable ASCII, `\` and
///                           `"` are written `\XX`. Empty for the others: CompilerGym never sent their values either.
///
/// White space and comments are no tokens.
/// Errors:   none. Text that is not LLVM assembly gives Error tokens between those that can be made out.
/// Threads:  any; needs no LLVMContext.
/// Source:   CompilerGym 0.2.5, observation space LexedIr.
void fill_lexed_ir(const std::string& ir, Event& event);

}  // namespace compiler_gym

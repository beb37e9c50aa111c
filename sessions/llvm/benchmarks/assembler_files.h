// Assembler code that reads files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llvm {
class Module;
}

namespace compiler_gym {

/// The first directive, in a module's own assembler code or in that of its functions, that makes the
/// assembler open a file of this machine: `.incbin` and `.include`. Or that makes macros, as these
/// could put the name of one of those together; or a directive of which an operand is part of the
/// name. Of a module whose functions have assembler code with operands also a name that would end
/// the string or comment it is put into. None if there is none.
///
/// Looked for when a program is loaded: no pass writes assembler code of its own, they only copy
/// what there is.
[[nodiscard]] std::optional<std::string> find_assembler_file_directive(const llvm::Module& module);

/// The same in one text. `is_template`: it belongs to a function, and has operands, `$0`, and variants
/// of which the dialect decides; the text is looked through for each of them.
[[nodiscard]] std::optional<std::string> find_file_directive(std::string_view text,
                                                             bool is_template);

}  // namespace compiler_gym

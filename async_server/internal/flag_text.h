// The flags of a service as people read them.
#pragma once

#include <string>

namespace compiler_gym::internal {

/// `--help`: `usage` and the common flags.
[[nodiscard]] std::string help_text(const std::string& usage);
/// `--help-all`: those and the advanced ones.
[[nodiscard]] std::string full_help_text(const std::string& usage);
/// `--help-man`: the page man(1) shows, in roff.
[[nodiscard]] std::string man_page(const std::string& program, const std::string& usage);
/// `--help-markdown`: docs/flags.md.
[[nodiscard]] std::string flags_markdown();

}  // namespace compiler_gym::internal

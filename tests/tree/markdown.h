// As much of Markdown as the tests of the documentation have to read.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace compiler_gym::testing {

struct CodeBlock {
  std::string language;  ///< empty: none, as for commands and what they print
  std::string from;      ///< the file that a comment before it names; empty: none does
  std::string text;
};

/// What stands between fences.
[[nodiscard]] std::vector<CodeBlock> code_blocks(const std::string& markdown);

/// What stands between single backquotes, on one line and outside of blocks.
[[nodiscard]] std::vector<std::string> code_spans(const std::string& markdown);

/// The commands in blocks without a language, lines that a backslash continues put together.
[[nodiscard]] std::vector<std::string> commands(const std::string& markdown);

/// The targets of links and pictures.
[[nodiscard]] std::vector<std::string> link_targets(const std::string& markdown);

/// What a link may have behind its '#': headings as GitHub spells them.
[[nodiscard]] std::set<std::string> anchors(const std::string& markdown);

/// The lines of the section with this heading, up to the next of the same level or above.
[[nodiscard]] std::vector<std::string> section(const std::string& markdown,
                                               const std::string& heading);

}  // namespace compiler_gym::testing

// Who may include whom.
#pragma once

#include <string>

namespace compiler_gym::testing {

/// What speaks against `includer` including `included`; empty if nothing does. Both are paths from
/// the repository root. Without exceptions:
///
///   - Dependencies run one way, as the table in include_rules.cc has them for folders and for the
///     rooms inside of them.
///   - A plug-in, sessions/<name>/, is a leaf: sessions/ does not know it, nor does another.
///   - <folder>/internal/ is for <folder> and for tests; a header outside of it is not to include it,
///     as whoever includes that header would come to depend on it.
[[nodiscard]] std::string objection_to_include(const std::string& includer,
                                               const std::string& included);

}  // namespace compiler_gym::testing

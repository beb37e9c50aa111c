// Who may include whom.
#pragma once

#include <string>

namespace compiler_gym::testing {

/// What speaks against `includer` including `included`; empty if nothing does. Both are paths from
/// the repository root.
///
///   - Dependencies run one way: proto <- core <- context <- sessions <- async_server, then bench,
///     then tests.
///   - A plug-in, sessions/<name>/, is a leaf: only bench and tests know it. Its file with main()
///     may include the server.
///   - <folder>/internal/ is for <folder> and for tests.
[[nodiscard]] std::string objection_to_include(const std::string& includer,
                                               const std::string& included, bool includer_has_main);

}  // namespace compiler_gym::testing

// The text of an error on its way to a client.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace compiler_gym::internal {

/// Bytes of a text as it is encoded in metadata.
inline constexpr std::size_t kMaxErrorTextBytes = 4096;

/// The text travels in metadata, of which clients with gRPC's defaults take 8 kB in all: beyond that
/// they see an error about metadata instead of what happened. So of a longer text only the beginning
/// and the end are sent, where compilers say what is wrong, and how many bytes were left out; no letter
/// is cut in two, as half a letter makes clients misread all others.
[[nodiscard]] std::string fit_into_metadata(std::string_view text);

}  // namespace compiler_gym::internal

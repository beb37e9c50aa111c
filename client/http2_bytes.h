// HTTP/2 as it is on the wire (RFC 9113), for clients that break off in the middle of it, or do not
// read: no library sends half a frame.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace compiler_gym::http2 {

/// How a client's connection begins: the preface, and settings that change nothing.
[[nodiscard]] std::string preface();

/// A whole unary gRPC request, plain text, without a deadline: the head and the body. `stream` is odd,
/// and larger than any before it on the connection.
[[nodiscard]] std::string request(std::uint32_t stream, std::string_view method,
                                  std::string_view message);

/// What takes back a request.
[[nodiscard]] std::string reset(std::uint32_t stream);

}  // namespace compiler_gym::http2

// A reply as gRPC sends it.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>

#include "core/support/status.h"

namespace compiler_gym::internal {

/// The message's bytes; `size` is what its ByteSizeLong() has just returned. Those of a giant reply
/// are the system's again as soon as gRPC has sent them: gRPC itself would have them in pieces of
/// 1 MiB among everything else that is allocated, and little of that would ever be given back.
/// Errors: RESOURCE_EXHAUSTED if there is no memory for a giant one.
[[nodiscard]] Result<grpc::ByteBuffer> bytes_of_reply(const google::protobuf::MessageLite& reply,
                                                      std::size_t size);

}  // namespace compiler_gym::internal

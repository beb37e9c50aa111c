// What became of a request to a sandbox process.
#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "sessions/isolated/zygote_messages.h"

namespace compiler_gym::isolated {

struct SandboxReply {
  grpc::Status status{};
  std::string message{};  ///< the reply's bytes, if the status is OK
  /// How many actions, or parameters, of the request took effect.
  std::uint32_t applied = 0;
  /// Of these, those that changed the session.
  std::uint32_t changes = 0;
  /// The sandbox is no more: it crashed, or it was killed for not ending in time. The status says
  /// which.
  bool sandbox_lost = false;
  int how_lost = 0;  ///< then, as waitpid() says it
  /// The sandbox was dead before it could read the request.
  bool never_began = false;

  /// It did not die of what it was asked, but of the end of the process it was forked from.
  [[nodiscard]] bool lost_with_zygote() const {
    return sandbox_lost && how_lost == kEndUnknown &&
           status.error_code() == grpc::StatusCode::DATA_LOSS;
  }
};

/// How a sandbox ended, in words, `how` being what waitpid() says.
[[nodiscard]] std::string describe_end(int how);

}  // namespace compiler_gym::isolated

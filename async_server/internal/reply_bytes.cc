#include "async_server/internal/reply_bytes.h"

#include <fmt/core.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/slice.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace compiler_gym::internal {
namespace {

// From here on new pages cost little beside what is written into them and sent.
constexpr std::size_t kGiant = std::size_t{1} << 20;

Result<grpc::ByteBuffer> in_pages_of_its_own(const google::protobuf::MessageLite& reply,
                                             std::size_t size) {
  void* const pages =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return resource_exhausted(fmt::format("There is no memory for a reply of {} bytes", size));
  }
  const auto give_back = [](void* begin, std::size_t length) { munmap(begin, length); };
  const grpc::Slice slice(pages, size, give_back);
  reply.SerializeWithCachedSizesToArray(static_cast<std::uint8_t*>(pages));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

Result<grpc::ByteBuffer> bytes_of_reply(const google::protobuf::MessageLite& reply,
                                        std::size_t size) {
  if (size >= kGiant) {
    return in_pages_of_its_own(reply, size);
  }
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  const grpc::Status serialised =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::MessageLite>(reply, &bytes,
                                                                                     &own_buffer);
  return serialised.ok() ? Result<grpc::ByteBuffer>(bytes) : Result<grpc::ByteBuffer>(serialised);
}

}  // namespace compiler_gym::internal

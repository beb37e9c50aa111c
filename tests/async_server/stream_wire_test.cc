// The bytes of a stream's messages, against protobuf's own reading and writing of them.
#include "async_server/internal/stream_wire.h"

#include <gtest/gtest.h>

#include "async_server/internal/reply_outbox.h"

namespace compiler_gym::internal {
namespace {

RequestBatch every_kind() {
  RequestBatch batch;
  batch.add_request()->mutable_get_version();
  batch.add_request()->mutable_get_spaces();
  batch.add_request()->mutable_start_session()->mutable_benchmark()->set_uri("benchmark://a/b");
  batch.add_request()->mutable_fork_session()->set_session_id(4);
  batch.add_request()->mutable_end_session()->set_session_id(5);
  batch.add_request()->mutable_step()->add_action()->set_string_value(std::string(300, 'x'));
  batch.add_request()->mutable_add_benchmark()->add_benchmark();
  batch.add_request()->mutable_send_session_parameter()->add_parameter()->set_key("key");
  batch.add_request();
  for (int i = 0; i < batch.request_size(); ++i) {
    batch.mutable_request(i)->set_id(i == 0 ? 0 : std::uint64_t{1} << (7 * i));
  }
  return batch;
}

TEST(BatchReaderTest, FindsWhatProtobufHasWritten) {
  const RequestBatch batch = every_kind();
  Result<BatchReader> reader = BatchReader::open(grpc::Slice(batch.SerializeAsString()));
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->count(), 9U);
  for (const StreamRequest& request : batch.request()) {
    ASSERT_FALSE(reader->done());
    const PackedRequest packed = reader->next();
    EXPECT_EQ(packed.id, request.id());
    EXPECT_EQ(packed.field, request.request_case());
    if (request.has_step()) {
      StepRequest step;
      ASSERT_TRUE(step.ParseFromArray(reader->batch().begin() + packed.offset,
                                      static_cast<int>(packed.size)));
      EXPECT_EQ(step.SerializeAsString(), request.step().SerializeAsString());
    }
  }
  EXPECT_TRUE(reader->done());
}

TEST(BatchReaderTest, AgreesWithProtobufOnWhatIsWellFormed) {
  // Cut anywhere: what is left is a batch or it is not.
  const std::string whole = every_kind().SerializeAsString();
  int well_formed = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    RequestBatch parsed;
    const bool is_batch = parsed.ParseFromString(part);
    const Result<BatchReader> reader = BatchReader::open(grpc::Slice(part));
    ASSERT_EQ(reader.has_value(), is_batch) << size;
    if (is_batch) {
      ++well_formed;
      EXPECT_EQ(reader->count(), static_cast<std::size_t>(parsed.request_size()));
    }
  }
  EXPECT_EQ(well_formed, 10) << "before the first request and after each";
}

TEST(BatchReaderTest, SkipsFieldsOfLaterVersions) {
  // Field 100 in front of the request and in it: a varint, and bytes.
  const std::string bytes("\xa0\x06\x05\x0a\x08\xa2\x06\x01y\x08\x07\x12\x00", 13);
  RequestBatch parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  Result<BatchReader> reader = BatchReader::open(grpc::Slice(bytes));
  ASSERT_TRUE(reader);
  ASSERT_EQ(reader->count(), 1U);
  const PackedRequest packed = reader->next();
  EXPECT_EQ(packed.id, 7U);
  EXPECT_EQ(packed.field, StreamRequest::kGetVersionFieldNumber);
}

TEST(BatchReaderTest, TheLastRequestOfSeveralCounts) {
  StreamRequest first;
  first.mutable_get_version();
  StreamRequest second;
  second.mutable_step()->set_session_id(1);
  const std::string both = first.SerializeAsString() + second.SerializeAsString();
  const std::string bytes = std::string("\x0a") + static_cast<char>(both.size()) + both;
  RequestBatch parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  ASSERT_TRUE(parsed.request(0).has_step());
  EXPECT_EQ(BatchReader::open(grpc::Slice(bytes))->next().field, StreamRequest::kStepFieldNumber);
}

TEST(EncodeReplyTest, JoinedRepliesAreABatch) {
  StepReply step;
  step.add_observation()->set_string_value(std::string(1000, 'x'));
  StartSessionReply start;
  start.set_session_id(17);
  ReplyBatch batch;
  ASSERT_TRUE(batch.ParseFromString(
      encode_reply(std::uint64_t{1} << 63, StreamReply::kStepFieldNumber, step) +
      encode_reply(0, StreamReply::kStartSessionFieldNumber, start) +
      encode_error(3, not_found("Session not found: 1"))));
  ASSERT_EQ(batch.reply_size(), 3);
  EXPECT_EQ(batch.reply(0).id(), std::uint64_t{1} << 63);
  EXPECT_EQ(batch.reply(0).step().SerializeAsString(), step.SerializeAsString());
  EXPECT_EQ(batch.reply(1).id(), 0U);
  EXPECT_EQ(batch.reply(1).start_session().session_id(), 17);
  EXPECT_EQ(batch.reply(2).error().code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(batch.reply(2).error().message(), "Session not found: 1");
}

TEST(EncodeReplyTest, DetailsThatAreNoStatusAreLeftOut) {
  ReplyBatch batch;
  const grpc::Status error(grpc::StatusCode::DATA_LOSS, "text", "\x1a\x7f");
  ASSERT_TRUE(batch.ParseFromString(encode_error(1, error)));
  EXPECT_EQ(batch.reply(0).error().message(), "text");
  EXPECT_EQ(batch.reply(0).error().details_size(), 0);
}

TEST(ReplyOutboxTest, GathersWhileAMessageIsBeingWritten) {
  ReplyOutbox outbox;
  EXPECT_FALSE(outbox.ready());
  outbox.add("a", {});
  ASSERT_TRUE(outbox.ready());
  EXPECT_EQ(outbox.take().bytes, "a");
  outbox.add("b", {});
  outbox.add("c", {});
  EXPECT_FALSE(outbox.ready()) << "one at a time";
  outbox.written();
  ASSERT_TRUE(outbox.ready());
  const ReplyOutbox::Message message = outbox.take();
  EXPECT_EQ(message.bytes, "bc");
  EXPECT_EQ(message.replies, 2U);
  EXPECT_EQ(message.shares.size(), 2U);
  outbox.written();
  EXPECT_FALSE(outbox.ready());
}

TEST(ReplyOutboxTest, KeepsMessagesSmallButForLargeReplies) {
  ReplyOutbox outbox;
  outbox.add(std::string(ReplyOutbox::kMessageBytes, 'a'), {});
  outbox.add("b", {});
  outbox.add(std::string(3 * ReplyOutbox::kMessageBytes, 'c'), {});
  std::vector<std::size_t> sizes;
  while (outbox.ready()) {
    sizes.push_back(outbox.take().size);
    outbox.written();
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{ReplyOutbox::kMessageBytes, 1,
                                             3 * ReplyOutbox::kMessageBytes}));
}

}  // namespace
}  // namespace compiler_gym::internal

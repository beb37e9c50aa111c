// Frames come together however they are cut up.
#include "sessions/isolated/frame.h"

#include <gtest/gtest.h>

#include <string>

namespace compiler_gym::isolated {
namespace {

TEST(FrameTest, ComesTogetherFromPiecesOfAnySize) {
  const std::string body(100, 'b');
  const std::string bytes = framed({.number = 7, .code = 3, .slot = 5}, body);
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    FrameReader reader;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      EXPECT_FALSE(reader.complete());
      reader.append(std::string_view(bytes).substr(at, piece));
      EXPECT_TRUE(reader.valid());
    }
    ASSERT_TRUE(reader.complete());
    const Frame frame = reader.take();
    EXPECT_EQ(frame.header.number, 7U);
    EXPECT_EQ(frame.header.code, 3U);
    EXPECT_EQ(frame.header.slot, 5U);
    EXPECT_EQ(frame.body, body);
  }
}

TEST(FrameTest, AReaderTakesOneFrameAfterAnother) {
  FrameReader reader;
  for (const char* body : {"one", "", "three"}) {
    reader.append(framed({}, body));
    ASSERT_TRUE(reader.complete());
    EXPECT_EQ(reader.take().body, body);
  }
}

TEST(FrameTest, MoreThanAFrameIsNoFrame) {
  FrameReader reader;
  reader.append(framed({}, "body") + "x");
  EXPECT_FALSE(reader.valid());
}

TEST(FrameTest, ASizeThatNoMessageHasIsNoFrame) {
  FrameHeader header;
  header.body_size = kMaxBodySize + 1;
  FrameReader reader;
  reader.append({reinterpret_cast<const char*>(&header), sizeof(header)});
  EXPECT_FALSE(reader.valid());
}

// It goes to the client as it is: what is over stays with it until that has been read.
TEST(FrameTest, ALargeBodyTakesNoMoreMemoryThanItHasBytes) {
  const std::string body((std::size_t{3} << 20) + 1, 'b');
  const std::string bytes = framed({}, body);
  FrameReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += kMaxPacketSize) {
    reader.append(std::string_view(bytes).substr(at, kMaxPacketSize));
  }
  ASSERT_TRUE(reader.complete());
  const Frame frame = reader.take();
  EXPECT_EQ(frame.body, body);
  EXPECT_LT(frame.body.capacity(), body.size() + 4096);
}

TEST(FrameTest, AReaderTakesNoMoreThanItIsTold) {
  FrameReader reader(4);
  reader.append(framed({}, "four"));
  EXPECT_TRUE(reader.valid());
  EXPECT_EQ(reader.take().body, "four");
  reader.append(framed({}, "three").substr(0, sizeof(FrameHeader)));
  EXPECT_FALSE(reader.valid());
}

// What is beyond a receiver's room is lost, so the sender keeps to it.
TEST(FrameTest, APacketIsNoLargerThanWhatReceiversHaveRoomFor) {
  const Result<SocketPair> sockets = make_socket_pair();
  ASSERT_TRUE(sockets);
  const std::string sent(kMaxPacketSize + 1, 's');
  EXPECT_EQ(send_bytes(sockets->ours.get(), sent, -1, 0), kMaxPacketSize);
  EXPECT_EQ(send_bytes(sockets->ours.get(), "rest", -1, 0), 4);
  std::string buffer(2 * kMaxPacketSize, '\0');
  FileDescriptor nothing;
  for (const std::size_t size : {kMaxPacketSize, std::size_t{4}}) {
    EXPECT_EQ(receive_bytes(sockets->theirs.get(), buffer.data(), buffer.size(), nothing, 0), size)
        << "one packet at a time: it is no stream, whose readers are woken for nothing";
  }
}

}  // namespace
}  // namespace compiler_gym::isolated

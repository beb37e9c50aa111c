// Messages of a test, written as text.
#pragma once

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <string>

namespace compiler_gym::testing {

/// The message that `text` says in protobuf's text format. A mistake in it fails the test.
template <typename Message>
Message parse_proto(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

/// Matches a message equal to the one that `text` says, field presence included.
MATCHER_P(IsProto, text, "") {
  using Message = std::decay_t<decltype(arg)>;
  const bool equal =
      google::protobuf::util::MessageDifferencer::Equals(arg, parse_proto<Message>(text));
  if (!equal) {
    *result_listener << "\n" << arg.DebugString();
  }
  return equal;
}

}  // namespace compiler_gym::testing

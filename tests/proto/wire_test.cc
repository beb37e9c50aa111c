// The generated code against tests/data/wire_table.md, both ways: a client built years ago must be
// understood.
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "proto/compiler_gym_service.pb.h"
#include "tests/proto/wire_facts.h"

namespace compiler_gym {
namespace {

using testing::facts_of_descriptor;
using testing::facts_of_table;
using testing::WireFacts;

const google::protobuf::FileDescriptor& wire() {
  return *StepRequest::descriptor()->file();
}

// The members of `a` that `b` lacks, one to a line.
std::string without(const WireFacts& a, const WireFacts& b) {
  std::vector<std::string> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  std::string text;
  for (const std::string& fact : rest) {
    text += "  " + fact + "\n";
  }
  return text;
}

WireFacts published() {
  std::ifstream table(COMPILER_GYM_TEST_DATA "/wire_table.md");
  EXPECT_TRUE(table.is_open()) << "no " COMPILER_GYM_TEST_DATA "/wire_table.md";
  return facts_of_table(table);
}

TEST(WireTest, EverythingPublishedIsInTheProto) {
  const std::string missing = without(published(), facts_of_descriptor(wire()));
  EXPECT_TRUE(missing.empty()) << "wire_table.md has, and the .proto has not:\n" << missing;
}

TEST(WireTest, NothingButWhatIsPublishedIsInTheProto) {
  const std::string extra = without(facts_of_descriptor(wire()), published());
  EXPECT_TRUE(extra.empty()) << "the .proto has, and wire_table.md has not:\n" << extra;
}

TEST(WireTest, TheTableCoversAllEightRpcsAndAllMessages) {
  // Guards the two tests above against a table that was cut short or misread.
  const WireFacts facts = published();
  const auto starting_with = [&](const char* prefix) {
    return std::count_if(facts.begin(), facts.end(),
                         [&](const std::string& fact) { return fact.starts_with(prefix); });
  };
  EXPECT_EQ(starting_with("service "), 1);
  EXPECT_EQ(starting_with("rpc "), 8);
  EXPECT_EQ(starting_with("message "), 57);
}

TEST(WireTest, IsProto3WithArenas) {
  EXPECT_EQ(wire().package(), "compiler_gym");
  EXPECT_EQ(wire().syntax(), google::protobuf::FileDescriptor::SYNTAX_PROTO3);
  EXPECT_TRUE(wire().options().cc_enable_arenas());
}

TEST(WireTest, SignedIntegersThatMayBeNegativeAreZigzagEncoded) {
  Event event;
  event.set_int64_value(-1);
  EXPECT_EQ(event.SerializeAsString(), "\x28\x01");
}

TEST(WireTableTest, ReadsEveryKindOfRow) {
  std::istringstream table(
      "Reserved numbers: A 1.\n"
      "| message | fields |\n"
      "|---|---|\n"
      "| A | 4 b B; 2 c int32* |\n"
      "| B | {value: 1 x map<string,A>, 2 y google.protobuf.Any} |\n"
      "| C | (none) |\n");
  EXPECT_EQ(facts_of_table(table),
            (WireFacts{"message A", "message B", "message C", "A: 1 is reserved", "A: 4 b B",
                       "A: 2 c repeated int32", "B: 1 x map<string,A> in oneof value",
                       "B: 2 y google.protobuf.Any in oneof value"}));
}

TEST(WireTableTest, RefusesARowItCannotRead) {
  std::istringstream table("| A | four b B |\n");
  EXPECT_THROW((void)facts_of_table(table), std::runtime_error);
}

}  // namespace
}  // namespace compiler_gym

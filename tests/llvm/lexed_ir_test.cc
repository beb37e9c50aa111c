#include "sessions/llvm/observations/lexed_ir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Attributes.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sessions/llvm/ir/ir_module.h"
#include "tests/llvm/parse_json.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;

struct Token {
  std::int64_t id;
  std::string kind;
  std::string category;
  std::string value;

  friend bool operator==(const Token&, const Token&) = default;
  friend void PrintTo(const Token& token, std::ostream* out) {
    *out << token.id << ' ' << token.kind << ' ' << token.category << " '" << token.value << "'";
  }
};

std::vector<Token> lex(const std::string& ir) {
  Event event;
  fill_lexed_ir(ir, event);

  const auto& tensors = event.event_dict().event();
  const Int64Tensor& ids = tensors.at("token_id").int64_tensor();
  const StringTensor& kinds = tensors.at("token_kind").string_tensor();
  const StringTensor& categories = tensors.at("token_category").string_tensor();
  const StringTensor& values = tensors.at("token_value").string_tensor();
  EXPECT_EQ(tensors.size(), 4);
  EXPECT_THAT(ids.shape(), ElementsAre(ids.value_size()));
  for (const StringTensor* strings : {&kinds, &categories, &values}) {
    EXPECT_EQ(strings->value_size(), ids.value_size());
    EXPECT_THAT(strings->shape(), ElementsAre(ids.value_size()));
  }
  std::vector<Token> tokens;
  for (int i = 0; i < ids.value_size(); ++i) {
    tokens.push_back({ids.value(i), kinds.value(i), categories.value(i), values.value(i)});
  }
  return tokens;
}

std::vector<std::string> kinds_of(const std::string& ir) {
  std::vector<std::string> kinds;
  for (const Token& token : lex(ir)) kinds.push_back(token.kind);
  return kinds;
}

std::vector<std::string> values_of(const std::string& ir) {
  std::vector<std::string> values;
  for (const Token& token : lex(ir)) values.push_back(token.value);
  return values;
}

// The first tokens that CompilerGym 0.2.5 sent for crc32, whose text LLVM 10 had printed.
// The sample has its numbers as strings.
std::vector<Token> first_tokens_of_crc32() {
  const llvm::json::Object expected = expected_of_crc32();
  const llvm::json::Object& first = *expected.getObject("LexedIr_first");
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < first.getArray("token_id")->size(); ++i) {
    tokens.push_back({std::stoll((*first.getArray("token_id"))[i].getAsString()->str()),
                      (*first.getArray("token_kind"))[i].getAsString()->str(),
                      (*first.getArray("token_category"))[i].getAsString()->str(),
                      (*first.getArray("token_value"))[i].getAsString()->str()});
  }
  return tokens;
}

TEST(LexedIrTest, OfTextByLlvm10IsWhatCompilerGymSent) {
  // How the text of crc32 began.
  const std::string ir = R"(; ModuleID = '-'
source_filename = "-"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

%struct._IO_FILE = type { i32, i8*, i8*, i8)";
  const std::vector<Token> expected = first_tokens_of_crc32();
  ASSERT_FALSE(expected.empty());

  EXPECT_EQ(lex(ir), expected);
}

// Our LLVM's text of crc32 has no struct types, for lack of typed pointers, and another data layout.
TEST(LexedIrTest, OfCrc32BeginsAsWhatCompilerGymSent) {
  std::vector<Token> expected = first_tokens_of_crc32();
  const auto struct_type = std::ranges::find(expected, "LocalVar", &Token::kind);
  ASSERT_GT(struct_type - expected.begin(), 10);
  expected.erase(struct_type, expected.end());

  std::vector<Token> tokens = lex(ir_text(*parse_module(crc32_start_bitcode())));

  constexpr std::size_t kDataLayout = 6;
  tokens.resize(expected.size());
  EXPECT_NE(tokens[kDataLayout].value, expected[kDataLayout].value);
  tokens[kDataLayout].value = expected[kDataLayout].value;
  EXPECT_EQ(tokens, expected);
}

TEST(LexedIrTest, KnowsEveryTokenOfRealModules) {
  for (const StartBitcode& start : start_bitcodes()) {
    const std::vector<Token> tokens = lex(ir_text(*parse_module(start.bitcode)));

    EXPECT_THAT(tokens, Not(IsEmpty())) << start.name;
    EXPECT_THAT(tokens, Each(Field(&Token::kind, Not("Error")))) << start.name;
  }
}

// Nothing is left out: the signs outside strings and comments are counted in another way.
TEST(LexedIrTest, HasATokenForEverySign) {
  for (const StartBitcode& start : start_bitcodes()) {
    const std::string ir = ir_text(*parse_module(start.bitcode));
    std::map<char, std::int64_t> signs;
    for (std::size_t i = 0; i < ir.size(); ++i) {
      if (ir[i] == '"') i = ir.find('"', i + 1);
      if (ir[i] == ';') i = ir.find('\n', i);
      ++signs[ir[i]];
    }

    std::map<std::string, std::int64_t> tokens;
    for (const Token& token : lex(ir)) ++tokens[token.kind];

    for (const auto& [sign, kind] : std::map<char, std::string>{{',', "comma"},
                                                                {'=', "equal"},
                                                                {'(', "lparen"},
                                                                {')', "rparen"},
                                                                {'[', "lsquare"},
                                                                {'{', "lbrace"},
                                                                {'}', "rbrace"},
                                                                {'<', "less"},
                                                                {'>', "greater"},
                                                                {'*', "star"}}) {
      EXPECT_EQ(tokens[kind], signs[sign]) << sign << " in " << start.name;
    }
  }
}

TEST(LexedIrTest, SkipsWhiteSpaceAndComments) {
  EXPECT_THAT(kinds_of(" \t\r\n; nothing, really\n;\"\n"), IsEmpty());
  EXPECT_THAT(kinds_of(""), IsEmpty());
  EXPECT_THAT(kinds_of("ret ; i32\nvoid"), ElementsAre("kw_ret", "Type"));
}

TEST(LexedIrTest, NumbersKindsThatLlvm10HadNotFrom416On) {
  EXPECT_THAT(
      lex("i32 poison #dbg_value("),
      ElementsAre(Token{413, "Type", "type", ""}, Token{417, "kw_poison", "keyword", ""},
                  Token{416, "hash", "keyword", ""}, Token{515, "DbgRecordType", "strval", "value"},
                  Token{12, "lparen", "keyword", ""}));
}

TEST(LexedIrTest, KnowsTheAttributesOfThisLlvm) {
  for (int kind = llvm::Attribute::None + 1; kind < llvm::Attribute::EndAttrKinds; ++kind) {
    const std::string name =
        llvm::Attribute::getNameFromAttrKind(static_cast<llvm::Attribute::AttrKind>(kind)).str();

    EXPECT_THAT(kinds_of(name), ElementsAre("kw_" + name));
  }
}

TEST(LexedIrTest, TellsTheCategoriesApart) {
  EXPECT_THAT(
      lex("42: @7 %8 #9 ^10 double 1.5 -3 0xK4000C8F5C28F5C28F800"),
      ElementsAre(Token{390, "LabelID", "uintval", ""}, Token{391, "GlobalID", "uintval", ""},
                  Token{392, "LocalVarID", "uintval", ""}, Token{393, "AttrGrpID", "uintval", ""},
                  Token{394, "SummaryID", "uintval", ""}, Token{413, "Type", "type", ""},
                  Token{414, "APFloat", "apfloat", ""}, Token{415, "APSInt", "apsint", ""},
                  Token{414, "APFloat", "apfloat", ""}));
}

TEST(LexedIrTest, GivesStringsTheirTextWithoutTheMarksAroundIt) {
  EXPECT_THAT(
      values_of(R"(@global @"quo ted" %local $comdat !named label: "la bel": "text")"),
      ElementsAre("global", "quo ted", "local", "comdat", "named", "label", "la bel", "text"));
}

TEST(LexedIrTest, EscapesValuesInOneWay) {
  // A backslash may be written in two ways in IR.
  EXPECT_THAT(values_of("\"a\\\\b\\5Cc\\22\\00\\e9\\0A\xc3\xa9\""),
              ElementsAre(R"(a\5Cb\5Cc\22\00\E9\0A\C3\A9)"));
}

TEST(LexedIrTest, MarksWhatIsNoTokenAndGoesOn) {
  EXPECT_THAT(lex("ret ? void"),
              ElementsAre(Token{288, "kw_ret", "keyword", ""}, Token{1, "Error", "marker", ""},
                          Token{413, "Type", "type", ""}));
  EXPECT_THAT(kinds_of("ret \"without end"), ElementsAre("kw_ret", "Error"));
  EXPECT_THAT(kinds_of("i999999999"), ElementsAre("Error"));
  EXPECT_THAT(kinds_of(std::string("ret\0void", 8)), ElementsAre("kw_ret", "Type"));
}

TEST(LexedIrTest, GetsToTheEndOfAnyBytes) {
  std::minstd_rand random(7);
  const std::string ir = ir_text(*parse_module(crc32_start_bitcode()));
  for (int round = 0; round < 200; ++round) {
    std::string bytes = ir.substr(random() % ir.size(), 500);
    for (int i = 0; i < round % 20; ++i)
      bytes[random() % bytes.size()] = static_cast<char>(random());

    EXPECT_LE(lex(bytes).size(), bytes.size());
  }
}

}  // namespace
}  // namespace compiler_gym

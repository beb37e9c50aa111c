#include "async_server/internal/error_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace compiler_gym::internal {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// As gRPC encodes it.
std::size_t encoded_size(const std::string& text) {
  std::size_t size = 0;
  for (const char byte : text) {
    size += byte >= ' ' && byte <= '~' && byte != '%' ? 1 : 3;
  }
  return size;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

TEST(ErrorTextTest, WhatFitsStaysAsItIs) {
  for (const std::string& text :
       {std::string(), std::string("short"), std::string(kMaxErrorTextBytes, 'x'),
        std::string(kMaxErrorTextBytes / 3, '\0'), repeated("\xC3\xA4", kMaxErrorTextBytes / 6)}) {
    EXPECT_EQ(fit_into_metadata(text), text);
  }
}

TEST(ErrorTextTest, OfALongerTextTheBeginningAndTheEndAreSent) {
  const std::string text = "error: " + std::string(100'000, 'x') + " in line 7";
  const std::string sent = fit_into_metadata(text);
  EXPECT_THAT(sent, StartsWith("error: xxx"));
  EXPECT_THAT(sent, EndsWith("xxx in line 7"));
  EXPECT_THAT(sent, HasSubstr(" bytes left out)"));
  EXPECT_LE(encoded_size(sent), kMaxErrorTextBytes);
}

TEST(ErrorTextTest, BytesThatAreEncodedCountThreeTimes) {
  for (const char* letter : {"%", "\n", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (std::size_t shift = 0; shift < 4; ++shift) {
      const std::string text = std::string(shift, 'x') + repeated(letter, 2'000);
      const std::string sent = fit_into_metadata(text);
      EXPECT_LE(encoded_size(sent), kMaxErrorTextBytes) << letter;
      EXPECT_GE(encoded_size(sent), kMaxErrorTextBytes - 128) << letter << ": more would have fit";
    }
  }
}

TEST(ErrorTextTest, NoLetterIsCutInTwo) {
  const std::string euro = "\xE2\x82\xAC";
  for (std::size_t shift = 0; shift < euro.size(); ++shift) {
    const std::string sent = fit_into_metadata(std::string(shift, 'x') + repeated(euro, 5'000));
    std::string rest = sent;
    for (std::size_t at; (at = rest.find(euro)) != std::string::npos;) {
      rest.erase(at, euro.size());
    }
    for (const char byte : rest) {
      EXPECT_LT(static_cast<unsigned char>(byte), 0x80U) << "a part of a letter";
    }
  }
}

}  // namespace
}  // namespace compiler_gym::internal

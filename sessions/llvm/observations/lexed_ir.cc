// LLVM's own lexer does the work; this file gives its tokens the numbers and names that clients know.
#include "sessions/llvm/observations/lexed_ir.h"

#include <llvm/AsmParser/LLLexer.h>
#include <llvm/AsmParser/LLToken.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace compiler_gym {
namespace {

constexpr int kNoKind = -1;

struct TokenKind {
  int kind;  // llvm::lltok::Kind or kNoKind
  std::string_view name;
  std::string_view category;
};

constexpr std::string_view kStringValued = "strval";

// By number.
constexpr TokenKind kTokenKinds[] = {
#define MARKER(name) {llvm::lltok::name, #name, "marker"},
#define SIGN(name) {llvm::lltok::name, #name, "keyword"},
#define KEYWORD(word) {llvm::lltok::kw_##word, "kw_" #word, "keyword"},
#define VALUE(category, name) {llvm::lltok::name, #name, #category},
#define GONE(name) {kNoKind, #name, "keyword"},
#include "sessions/llvm/observations/lexed_ir_tokens.def"
#undef MARKER
#undef SIGN
#undef KEYWORD
#undef VALUE
#undef GONE
};

constexpr std::uint16_t kNoNumber = 0xffff;
constexpr auto kNumbers = [] {
  std::array<std::uint16_t, llvm::lltok::APSInt + 1> numbers{};
  numbers.fill(kNoNumber);
  std::uint16_t number = 0;
  for (const TokenKind& token : kTokenKinds) {
    if (token.kind != kNoKind) numbers[token.kind] = number;
    ++number;
  }
  return numbers;
}();
static_assert(
    std::ranges::find(kNumbers, kNoNumber) == kNumbers.end(),
    "this LLVM has a kind of token that is not in lexed_ir_tokens.def: add it at the end");

// Tokens are some 8 bytes apart; wrong only costs a reallocation.
constexpr std::size_t kTypicalTokenDistance = 8;

std::string escaped(std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string text;
  text.reserve(value.size());
  for (const char character : value) {
    if (character >= ' ' && character <= '~' && character != '\\' && character != '"') {
      text.push_back(character);
    } else {
      const auto byte = static_cast<unsigned char>(character);
      text.append({'\\', kHex[byte >> 4], kHex[byte & 0xf]});
    }
  }
  return text;
}

StringTensor& string_tensor(DictEvent& dict, const char* name, std::size_t typical_size) {
  StringTensor& tensor = *(*dict.mutable_event())[name].mutable_string_tensor();
  tensor.mutable_value()->Reserve(static_cast<int>(typical_size));
  return tensor;
}

}  // namespace

void fill_lexed_ir(const std::string& ir, Event& event) {
  DictEvent& dict = *event.mutable_event_dict();
  const std::size_t typical_size = ir.size() / kTypicalTokenDistance;
  Int64Tensor& ids = *(*dict.mutable_event())["token_id"].mutable_int64_tensor();
  ids.mutable_value()->Reserve(static_cast<int>(typical_size));
  StringTensor& kinds = string_tensor(dict, "token_kind", typical_size);
  StringTensor& categories = string_tensor(dict, "token_category", typical_size);
  StringTensor& values = string_tensor(dict, "token_value", typical_size);

  // The lexer makes types in its context, and looks up where an error is in a source manager.
  llvm::LLVMContext context;
  llvm::SourceMgr sources;
  llvm::SMDiagnostic last_error;
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBuffer(ir, "", /*RequiresNullTerminator=*/true), llvm::SMLoc());
  llvm::LLLexer lexer(ir, sources, last_error, context);
  while (lexer.Lex() != llvm::lltok::Eof) {
    const std::uint16_t number = kNumbers[lexer.getKind()];
    const TokenKind& kind = kTokenKinds[number];
    ids.add_value(number);
    kinds.add_value(kind.name.data(), kind.name.size());
    categories.add_value(kind.category.data(), kind.category.size());
    std::string& value = *values.add_value();
    if (kind.category == kStringValued) value = escaped(lexer.getStrVal());
  }
  for (StringTensor* tensor : {&kinds, &categories, &values}) tensor->add_shape(ids.value_size());
  ids.add_shape(ids.value_size());
}

}  // namespace compiler_gym

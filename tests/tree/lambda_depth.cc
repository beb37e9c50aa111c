#include "tests/tree/lambda_depth.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

namespace compiler_gym::testing {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The same text with blanks for comments, strings and character constants.
std::string only_code(std::string_view source) {
  std::string code(source);
  const auto blank = [&code](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < std::min(to, code.size()); ++i) {
      code[i] = code[i] == '\n' ? '\n' : ' ';
    }
  };
  const auto after = [source](std::string_view end, std::size_t from) {
    const std::size_t found = source.find(end, from);
    return found == std::string_view::npos ? source.size() : found + end.size();
  };
  for (std::size_t i = 0; i < source.size();) {
    std::size_t end = i + 1;
    if (source.substr(i).starts_with("//")) {
      end = source.find('\n', i);
      blank(i, end = std::min(end, source.size()));
    } else if (source.substr(i).starts_with("/*")) {
      blank(i, end = after("*/", i + 2));
    } else if (source.substr(i).starts_with("R\"")) {
      const std::size_t open = source.find('(', i);
      const std::string close = ")" + std::string(source.substr(i + 2, open - i - 2)) + "\"";
      blank(i, end = after(close, open));
    } else if (source[i] == '"' || (source[i] == '\'' && (i == 0 || !is_word(source[i - 1])))) {
      while (end < source.size() && source[end] != source[i]) {
        end += source[end] == '\\' ? 2 : 1;
      }
      blank(i, ++end);
    }
    i = end;
  }
  return code;
}

// Past the bracket that closes the one at `open`.
std::size_t past_closing(const std::string& code, std::size_t open) {
  const char opening = code[open];
  const char closing = opening == '[' ? ']' : opening == '(' ? ')' : opening == '<' ? '>' : '}';
  int depth = 0;
  for (std::size_t i = open; i < code.size(); ++i) {
    depth += code[i] == opening ? 1 : code[i] == closing ? -1 : 0;
    if (depth == 0) {
      return i + 1;
    }
  }
  return code.size();
}

std::size_t past_blanks(const std::string& code, std::size_t i) {
  while (i < code.size() && std::isspace(static_cast<unsigned char>(code[i])) != 0) {
    ++i;
  }
  return i;
}

bool can_be_subscripted(const std::string& code, std::size_t bracket) {
  std::size_t i = bracket;
  while (i > 0 && std::isspace(static_cast<unsigned char>(code[i - 1])) != 0) {
    --i;
  }
  if (i == 0) {
    return false;
  }
  if (code[i - 1] == ')' || code[i - 1] == ']') {
    return true;
  }
  std::size_t word = i;
  while (word > 0 && is_word(code[word - 1])) {
    --word;
  }
  const std::string_view before = std::string_view(code).substr(word, i - word);
  return !before.empty() && before != "return" && before != "co_return" && before != "co_await" &&
         before != "co_yield";
}

// Where the body of the lambda whose capture begins at `bracket` begins; npos if it is none.
std::size_t body_of_lambda(const std::string& code, std::size_t bracket) {
  if (can_be_subscripted(code, bracket) || code.substr(bracket, 2) == "[[") {
    return std::string::npos;
  }
  std::size_t i = past_blanks(code, past_closing(code, bracket));
  while (i < code.size() && (code[i] == '<' || code[i] == '(')) {
    i = past_blanks(code, past_closing(code, i));
  }
  // mutable, noexcept, a return type
  i = code.find_first_of("{};,)", i);
  return i < code.size() && code[i] == '{' ? i : std::string::npos;
}

}  // namespace

DeepestLambda deepest_lambda(std::string_view source) {
  const std::string code = only_code(source);
  DeepestLambda deepest;
  std::vector<std::pair<std::size_t, std::size_t>> bodies;  // from where to where
  for (std::size_t i = code.find('['); i != std::string::npos; i = code.find('[', i + 1)) {
    const std::size_t body = body_of_lambda(code, i);
    if (body == std::string::npos) {
      continue;
    }
    const auto around = std::ranges::count_if(
        bodies, [i](const auto& other) { return other.first < i && i < other.second; });
    const int depth = static_cast<int>(around) + 1;
    if (depth > deepest.depth) {
      const auto end_of_line = code.begin() + static_cast<std::ptrdiff_t>(i);
      deepest = {depth, static_cast<int>(std::count(code.begin(), end_of_line, '\n')) + 1};
    }
    bodies.emplace_back(body, past_closing(code, body));
  }
  return deepest;
}

}  // namespace compiler_gym::testing

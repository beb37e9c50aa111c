#include "sessions/llvm/benchmarks/assembler_files.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>

// The assembler's own parser would know better, but it can't be asked before the operands are put
// in, and by then it opens the file.

namespace compiler_gym {
namespace {

constexpr std::array<std::string_view, 2> kFileDirectives{".incbin", ".include"};
constexpr std::array<std::string_view, 4> kMacroDirectives{".macro", ".irp", ".irpc", ".altmacro"};

// Stands for an operand.
constexpr char kOperand = '\1';

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$' ||
         c == '@' || c == kOperand;
}

// In lower case, as the assembler compares directives, and comments of the form /**/ as the blank
// that they are.
std::string normalised(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "/*") {
      const std::size_t end = text.find("*/", i + 2);
      i = end == std::string_view::npos ? text.size() : end + 1;
      result += ' ';
      continue;
    }
    const char c = text[i];
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

// As the text of a function's assembler code is written out: of `$(att$|intel$)` the first, `$$` as
// the sign itself, and operands as kOperand.
std::string instantiated(std::string_view text) {
  std::string result;
  bool skipped_variant = false;
  const auto add = [&](char c) {
    if (!skipped_variant) {
      result += c;
    }
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      add(text[i]);
      continue;
    }
    const char next = text[++i];
    if (next == '(' || next == ')') {
      skipped_variant = false;
    } else if (next == '|') {
      skipped_variant = true;
    } else if (next == '$') {
      add('$');
    } else {
      add(kOperand);
      if (next == '{') {
        const std::size_t end = text.find('}', i);
        i = end == std::string_view::npos ? text.size() : end;
      }
    }
  }
  return result;
}

// Whether a name with operands in it could turn out as one of the directives.
bool may_become_directive(std::string_view name) {
  const std::string_view start = name.substr(0, name.find(kOperand));
  return start.size() < name.size() &&
         std::ranges::any_of(
             kFileDirectives,
             [&](std::string_view directive) { return directive.starts_with(start); });
}

bool is_directive(std::string_view name) {
  return std::ranges::find(kFileDirectives, name) != kFileDirectives.end() ||
         std::ranges::find(kMacroDirectives, name) != kMacroDirectives.end();
}

}  // namespace

std::optional<std::string> find_file_directive(std::string_view text, bool is_template) {
  const std::string code = normalised(is_template ? instantiated(text) : text);
  // Whether what is read now is a statement's first name, which says what it does; labels don't.
  bool first = true;
  for (std::size_t i = 0; i < code.size();) {
    if (!is_name_character(code[i])) {
      first = first ? code[i] == ' ' || code[i] == '\t' || code[i] == ':' : false;
      first = first || code[i] == '\n' || code[i] == '\r' || code[i] == ';' || code[i] == ':';
      ++i;
      continue;
    }
    const auto begin = code.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = std::find_if_not(begin, code.end(), is_name_character);
    const std::string_view name(begin, end);
    i += name.size();
    const bool is_label = i < code.size() && code[i] == ':';
    if (is_directive(name)) {
      return std::string(name);
    }
    if (first && !is_label && may_become_directive(name)) {
      std::string shown(name);
      std::ranges::replace(shown, kOperand, '$');
      return shown;
    }
    first = first && is_label;
  }
  return std::nullopt;
}

std::optional<std::string> find_assembler_file_directive(const llvm::Module& module) {
  if (auto found = find_file_directive(module.getModuleInlineAsm(), /*is_template=*/false)) {
    return found;
  }
  llvm::SmallPtrSet<const llvm::InlineAsm*, 8> seen;
  for (const llvm::Function& function : module) {
    for (const llvm::Instruction& instruction : llvm::instructions(function)) {
      const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      const auto* code =
          call == nullptr ? nullptr : llvm::dyn_cast<llvm::InlineAsm>(call->getCalledOperand());
      if (code == nullptr || !seen.insert(code).second) {
        continue;
      }
      if (auto found = find_file_directive(code->getAsmString(), /*is_template=*/true)) {
        return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace compiler_gym

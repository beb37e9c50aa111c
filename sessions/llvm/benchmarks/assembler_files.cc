#include "sessions/llvm/benchmarks/assembler_files.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <utility>

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

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// In lower case, as the assembler compares directives. Comments stay: what looks like the beginning
// or the end of one may be part of a string, or of another comment.
std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

// The dialects of assembler code; each is the number of its variant in `$(att$|intel$)`.
enum class Dialect { kAtt = 0, kIntel = 1 };

// The text of a function's assembler code as LLVM's EmitInlineAsmStr() writes it out, with operands
// as kOperand. That is less regular than one would think: lines end in skipped variants too, and
// outside of variants `$|` and `$)` are signs of their own.
class Instantiation {
 public:
  Instantiation(std::string_view text, Dialect dialect) : text_(text), dialect_(dialect) {}

  std::string run() && {
    while (next_ < text_.size()) {
      const char c = text_[next_++];
      if (c == '\n') {
        result_ += c;
      } else if (c != '$' || next_ == text_.size()) {
        add(c);
      } else {
        add_escaped();
      }
    }
    return std::move(result_);
  }

 private:
  static constexpr int kNoVariant = -1;

  void add(char c) {
    if (variant_ == kNoVariant || variant_ == static_cast<int>(dialect_)) {
      result_ += c;
    }
  }

  // What comes after a `$`.
  void add_escaped() {
    switch (text_[next_]) {
      case '$':
        ++next_;
        if (dialect_ == Dialect::kAtt) {
          add('$');
        }
        return;
      case '(':
        ++next_;
        variant_ = 0;
        return;
      case '|':
        ++next_;
        if (variant_ == kNoVariant) {
          add('|');
        } else {
          ++variant_;
        }
        return;
      case ')':
        ++next_;
        if (variant_ == kNoVariant) {
          add('}');
        }
        variant_ = kNoVariant;
        return;
      default:
        add(kOperand);
        skip_operand();
    }
  }

  void skip_operand() {
    if (text_[next_] == '{') {
      const std::size_t end = text_.find('}', next_);
      next_ = end == std::string_view::npos ? text_.size() : end + 1;
      return;
    }
    while (next_ < text_.size() && is_digit(text_[next_])) {
      ++next_;
    }
  }

  const std::string_view text_;
  const Dialect dialect_;
  std::size_t next_ = 0;
  int variant_ = kNoVariant;
  std::string result_;
};

// Whether a name with operands in it could turn out as one of the directives.
bool may_become_directive(std::string_view name) {
  const std::string_view start = name.substr(0, name.find(kOperand));
  const auto starts_so = [&](std::string_view directive) { return directive.starts_with(start); };
  return start.size() < name.size() && (std::ranges::any_of(kFileDirectives, starts_so) ||
                                        std::ranges::any_of(kMacroDirectives, starts_so));
}

bool is_directive(std::string_view name) {
  return std::ranges::find(kFileDirectives, name) != kFileDirectives.end() ||
         std::ranges::find(kMacroDirectives, name) != kMacroDirectives.end();
}

// Prefixes of instructions, which the assembler takes for statements of their own.
constexpr std::array<std::string_view, 22> kPrefixes{
    "lock", "rep",    "repe",   "repz",   "repne",  "repnz", "notrack", "xacquire",
    "cs",   "ds",     "es",     "fs",     "gs",     "ss",    "rex64",   "xrelease",
    "bnd",  "addr16", "addr32", "data16", "data32", "rex"};

bool is_prefix(std::string_view name) {
  return std::ranges::find(kPrefixes, name) != kPrefixes.end();
}

// Directives that people use with operands, and that take the whole of their line.
constexpr std::array<std::string_view, 47> kWholeLineDirectives{
    ".2byte", ".4byte",   ".8byte", ".align",       ".ascii",     ".asciz",   ".balign", ".byte",
    ".comm",  ".double",  ".equ",   ".fill",        ".float",     ".global",  ".globl",  ".hidden",
    ".hword", ".if",      ".ifeq",  ".ifge",        ".ifgt",      ".ifle",    ".iflt",   ".ifne",
    ".int",   ".local",   ".long",  ".octa",        ".org",       ".p2align", ".quad",   ".rept",
    ".reloc", ".section", ".set",   ".short",       ".size",      ".skip",    ".space",  ".string",
    ".type",  ".value",   ".weak",  ".pushsection", ".protected", ".sleb128", ".zero"};

// Whether the assembler may find another statement in what follows this directive in its line: some,
// such as `.att_syntax` and `.text`, do not look whether anything is left there.
bool may_leave_rest(std::string_view directive) {
  return directive.starts_with('.') && !directive.starts_with(".cfi_") &&
         std::ranges::find(kWholeLineDirectives, directive) == kWholeLineDirectives.end();
}

// Goes through assembler code and knows, or else assumes, where a statement begins. Strings and
// comments are not left out, as to know where they end takes the assembler's own parser: what is
// said of positions holds whether or not the text is in one.
class Scanner {
 public:
  explicit Scanner(std::string_view code) : code_(code) {}

  std::optional<std::string> find() {
    while (next_ < code_.size()) {
      if (!is_name_character(code_[next_])) {
        skip_sign();
        continue;
      }
      const std::string_view name = take_name();
      if (is_directive(name)) {
        return std::string(name);
      }
      const bool is_label = next_ < code_.size() && code_[next_] == ':';
      if ((first_ || rest_of_line_) && may_become_directive(name) && !is_left_side()) {
        std::string shown(name);
        std::ranges::replace(shown, kOperand, '$');
        return shown;
      }
      rest_of_line_ = rest_of_line_ || (first_ && !is_label && may_leave_rest(name));
      first_ = first_ && (is_label || is_prefix(name));
    }
    return std::nullopt;
  }

 private:
  std::string_view take_name() {
    const std::size_t begin = next_;
    while (next_ < code_.size() && is_name_character(code_[next_])) {
      ++next_;
    }
    return code_.substr(begin, next_ - begin);
  }

  void skip_sign() {
    if (code_.substr(next_, 2) == "/*") {
      comment_at_first_ = comment_at_first_ || first_;
    } else if (code_.substr(next_, 2) == "*/") {
      first_ = first_ || comment_at_first_;
      next_ += 2;
      return;
    }
    switch (code_[next_++]) {
      case ' ':
      case '\t':
      case '"':  // names may be quoted, directives as well
        break;
      case '\n':
      case '\r':
      case ';':
        first_ = true;
        rest_of_line_ = false;
        break;
      case ':':
        first_ = true;
        break;
      default:
        first_ = false;
    }
  }

  // Whether a name, the one before this position, is a label, or is assigned to: `name = value`,
  // and other targets' `r1 += r2`. No directive that matters has such a sign after it.
  [[nodiscard]] bool is_left_side() const {
    const std::size_t sign = code_.find_first_not_of(" \t", next_);
    constexpr std::string_view kSigns = ":=+-&|^<>";
    return sign != std::string_view::npos && kSigns.find(code_[sign]) != std::string_view::npos;
  }

  const std::string_view code_;
  std::size_t next_ = 0;
  bool first_ = true;              // only blanks, labels and prefixes since a statement's beginning
  bool rest_of_line_ = false;      // another statement may begin without a sign that separates them
  bool comment_at_first_ = false;  // a comment may have begun at such a position
};

// A name that a string or a comment of assembler code into which it is put can't hold.
bool is_breakout(llvm::StringRef name) {
  return name.find_first_of(";\r\n") != llvm::StringRef::npos || name.contains("*/");
}

}  // namespace

std::optional<std::string> find_file_directive(std::string_view text, bool is_template) {
  if (!is_template) {
    const std::string code = lower_case(text);
    return Scanner(code).find();
  }
  for (const Dialect dialect : {Dialect::kAtt, Dialect::kIntel}) {
    const std::string code = lower_case(Instantiation(text, dialect).run());
    if (auto found = Scanner(code).find()) {
      return found;
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_assembler_file_directive(const llvm::Module& module) {
  if (auto found = find_file_directive(module.getModuleInlineAsm(), /*is_template=*/false)) {
    return found;
  }
  llvm::SmallPtrSet<const llvm::InlineAsm*, 8> seen;
  bool has_operands = false;
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
      has_operands = has_operands || !code->getConstraintString().empty();
    }
  }
  if (has_operands) {
    for (const llvm::GlobalValue& value : module.global_values()) {
      if (is_breakout(value.getName())) {
        return "in the name \"" + value.getName().str() + '"';
      }
    }
  }
  return std::nullopt;
}

}  // namespace compiler_gym

#include "sessions/llvm/programl_text.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/IR/Argument.h>
#include <llvm/IR/AssemblyAnnotationWriter.h>
#include <llvm/IR/Constant.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/Instruction.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Type.h>
#include <llvm/Support/FormattedStream.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <cassert>

namespace compiler_gym {
namespace {

constexpr std::string_view kStruct = "struct";
constexpr std::size_t kTypicalInstructionText = 64;

// A struct without a name prints as its address where no module is at hand to number it: [2 x %"type 0x5581"].
std::string without_addresses(std::string text) {
  constexpr std::string_view kAddress = "%\"type 0x";
  for (std::size_t at = 0; (at = text.find(kAddress, at)) != std::string::npos;) {
    const std::size_t quote = text.find('"', at + kAddress.size());
    text.replace(at, quote + 1 - at, kStruct);
  }
  return text;
}

}  // namespace

// Writes nothing, but notes where in the output things begin and end.
class ModuleText::Recorder final : public llvm::AssemblyAnnotationWriter {
 public:
  explicit Recorder(ModuleText& text) : text_(text) {}

  void emitInstructionAnnot(const llvm::Instruction*, llvm::formatted_raw_ostream& out) override {
    begin_ = out.tell();
  }

  // Called with everything of the value written but the end of its line.
  void printInfoComment(const llvm::Value& value, llvm::formatted_raw_ostream& out) override {
    if (llvm::isa<llvm::Instruction>(value)) {
      text_.instructions_.push_back({begin_, out.tell()});
    } else {
      text_.globals_.try_emplace(&value, Extent{0, out.tell()});
    }
  }

 private:
  ModuleText& text_;
  std::size_t begin_ = 0;
};

ModuleText::ModuleText(const llvm::Module& module, std::string& text, llvm::BumpPtrAllocator& arena)
    : text_(text), arena_(arena), slots_(&module, /*ShouldInitializeAllMetadata=*/false) {
  const std::size_t instruction_count = module.getInstructionCount();
  instructions_.reserve(instruction_count);
  text.reserve(instruction_count * kTypicalInstructionText);

  Recorder recorder(*this);
  llvm::raw_string_ostream out(text);
  module.print(out, &recorder);
  assert(instructions_.size() == instruction_count && "the printer left out an instruction");

  // Nothing is called where a global begins; but it is one line.
  for (auto& [global, extent] : globals_) extent.begin = text.rfind('\n', extent.end - 1) + 1;
}

std::string_view ModuleText::instruction(std::size_t index) const {
  const std::string_view text = cut(instructions_[index]);
  return text.substr(text.find_first_not_of(' '));
}

std::string_view ModuleText::result_name(std::string_view instruction) {
  // A name in quotes may hold anything but a quote, which is written \22.
  const bool quoted = instruction.starts_with("%\"");
  return instruction.substr(0, quoted ? instruction.find('"', 2) + 1 : instruction.find(' '));
}

std::string_view ModuleText::constant(const llvm::Constant& constant) {
  const auto global = globals_.find(&constant);
  if (global != globals_.end()) return cut(global->second);

  llvm::SmallString<128> printed;
  llvm::raw_svector_ostream out(printed);
  constant.printAsOperand(out, /*PrintType=*/true, slots_);
  return save(printed.str());
}

std::string_view ModuleText::type(llvm::Type& type) {
  const auto [entry, is_new] = types_.try_emplace(&type);
  if (!is_new) return entry->second;
  if (type.isStructTy()) return entry->second = kStruct;

  std::string printed;
  llvm::raw_string_ostream out(printed);
  type.print(out);
  return entry->second = save(without_addresses(std::move(printed)));
}

std::string_view ModuleText::variable(std::string_view type, std::string_view name) {
  const std::size_t size = type.size() + 1 + name.size();
  char* const begin = static_cast<char*>(arena_.Allocate(size, /*Alignment=*/1));
  char* const space = std::copy(type.begin(), type.end(), begin);
  *space = ' ';
  std::copy(name.begin(), name.end(), space + 1);
  return {begin, size};
}

std::string_view ModuleText::argument(const llvm::Argument& argument) {
  llvm::SmallString<32> name;
  llvm::raw_svector_ostream out(name);
  if (argument.hasName()) {
    argument.printAsOperand(out, /*PrintType=*/false);
  } else {
    // A function numbers its nameless arguments first, so the number needs no numbering of the whole function.
    const auto* first = argument.getParent()->arg_begin();
    out << '%'
        << std::count_if(first, first + argument.getArgNo(),
                         [](const llvm::Argument& other) { return !other.hasName(); });
  }
  return variable(type(*argument.getType()), name.str());
}

std::string_view ModuleText::cut(Extent extent) const {
  return std::string_view(text_).substr(extent.begin, extent.end - extent.begin);
}

std::string_view ModuleText::save(std::string_view text) {
  char* const begin = static_cast<char*>(arena_.Allocate(text.size(), /*Alignment=*/1));
  std::copy(text.begin(), text.end(), begin);
  return {begin, text.size()};
}

}  // namespace compiler_gym

#include "sessions/llvm/observations/programl_text.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/IR/Argument.h>
#include <llvm/IR/AssemblyAnnotationWriter.h>
#include <llvm/IR/Constant.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/Instruction.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/TypeFinder.h>
#include <llvm/Support/FormattedStream.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <cassert>

namespace compiler_gym {
namespace {

constexpr std::string_view kStruct = "struct";
constexpr std::size_t kTypicalInstructionText = 64;

// How a struct type without a name prints where no module is at hand to number it: %"type 0x5581f0"
constexpr std::string_view kTypeAddress = "%\"type 0x";

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

  std::string printed;
  llvm::raw_string_ostream out(printed);
  constant.print(out, slots_);
  return save(with_numbered_types(std::move(printed)));
}

std::string_view ModuleText::type(llvm::Type& type) {
  const auto [entry, is_new] = types_.try_emplace(&type);
  if (!is_new) return entry->second;
  if (type.isStructTy()) return entry->second = kStruct;

  std::string printed;
  llvm::raw_string_ostream out(printed);
  type.print(out);
  return entry->second = save(with_numbered_types(std::move(printed)));
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

// LLVM would number them itself, given the module, but anew for each value, which takes as long as printing the module.
std::string ModuleText::with_numbered_types(std::string text) {
  for (std::size_t at = 0; (at = text.find(kTypeAddress, at)) != std::string::npos;) {
    if (type_numbers_.empty()) number_types();
    const std::size_t end = text.find('"', at + kTypeAddress.size()) + 1;
    const std::size_t number = type_numbers_.lookup(std::string_view(text).substr(at, end - at));
    text.replace(at + 1, end - at - 1, std::to_string(number));  // the % stays
  }
  return text;
}

void ModuleText::number_types() {
  llvm::TypeFinder types;
  types.run(*slots_.getModule(), /*onlyNamed=*/false);
  for (const llvm::StructType* type : types) {
    if (type->isLiteral() || type->hasName()) continue;
    std::string address;
    llvm::raw_string_ostream out(address);
    type->print(out, /*IsForDebug=*/false, /*NoDetails=*/true);
    type_numbers_.try_emplace(address, type_numbers_.size());
  }
}

std::string_view ModuleText::save(std::string_view text) {
  char* const begin = static_cast<char*>(arena_.Allocate(text.size(), /*Alignment=*/1));
  std::copy(text.begin(), text.end(), begin);
  return {begin, text.size()};
}

}  // namespace compiler_gym

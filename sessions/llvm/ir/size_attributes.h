// What tells LLVM to prefer small code to fast code.
#pragma once

#include <optional>
#include <string_view>

namespace llvm {
class Module;
}

namespace compiler_gym {

/// As clang sets them by its level, on every function but those that are `optnone`.
enum class SizeAttributes {
  kNone,     ///< -O1, -O2, -O3: neither
  kOptSize,  ///< -Os: `optsize`
  kMinSize,  ///< -Oz: `optsize` and `minsize`
};

/// By its name, `none`, `optsize` or `minsize`.
[[nodiscard]] std::optional<SizeAttributes> find_size_attributes(std::string_view name);

/// Makes the functions, declarations and calls of a module carry these attributes and no others of
/// the kind, so that it is the module that clang makes of the same source at that level. Whether that
/// changed anything.
bool set_size_attributes(llvm::Module& module, SizeAttributes wanted);

}  // namespace compiler_gym

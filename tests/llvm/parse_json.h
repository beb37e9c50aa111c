// Reads JSON in a test.
#pragma once

#include <llvm/Support/Error.h>
#include <llvm/Support/JSON.h>

#include <boost/filesystem/path.hpp>
#include <stdexcept>
#include <utility>

#include "tests/llvm/test_modules.h"

namespace compiler_gym {

/// The object, or an exception with what is wrong with the text, which fails the test.
[[nodiscard]] inline llvm::json::Object parse_json(llvm::StringRef text) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value) throw std::runtime_error(llvm::toString(value.takeError()));
  if (value->getAsObject() == nullptr) throw std::runtime_error("not an object: " + text.str());
  return std::move(*value->getAsObject());
}

/// What CompilerGym 0.2.5, on LLVM 10, answered for crc32.
[[nodiscard]] inline llvm::json::Object expected_of_crc32() {
  const auto directory = boost::filesystem::path(crc32_path()).parent_path();
  return parse_json(read_file((directory / "crc32_expected.json").string()));
}

}  // namespace compiler_gym

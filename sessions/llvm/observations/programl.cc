#include "sessions/llvm/observations/programl.h"

#include <llvm/IR/Module.h>
#include <llvm/Support/JSON.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "sessions/llvm/observations/programl_graph.h"

namespace compiler_gym {
namespace {

// What a node and an edge come to, with a text of usual length: a reservation that saves copies.
constexpr std::size_t kTypicalNodeBytes = 160;
constexpr std::size_t kTypicalEdgeBytes = 72;

// How a byte is written in a JSON string: as it is, as `\` and this letter, or in one of two ways.
constexpr char kAsItIs = 0;
constexpr char kByNumber = 'u';
constexpr char kNotAscii = '8';
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) escapes[byte] = kByNumber;
  for (std::size_t byte = 0x80; byte < 0x100; ++byte) escapes[byte] = kNotAscii;
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

// JSON as it is written: no tree of values in between, which makes the whole
// observation ten to thirty times as slow (llvm::json::Value on the same graph).
class JsonText {
 public:
  explicit JsonText(std::size_t typical_size) { text_.reserve(typical_size); }

  [[nodiscard]] std::string take() && { return std::move(text_); }

  JsonText& operator<<(std::string_view json) {
    text_.append(json);
    return *this;
  }

  JsonText& operator<<(std::uint64_t number) {
    std::array<char, 20> digits;
    text_.append(digits.begin(), std::to_chars(digits.begin(), digits.end(), number).ptr);
    return *this;
  }

  // Bytes that are not UTF-8 become U+FFFD. LLVM prints ASCII, but names are any bytes.
  void string(std::string_view value) {
    const std::size_t begin = text_.size();
    bool is_utf8 = false;
    std::size_t copied = 0;
    text_.push_back('"');
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto byte = static_cast<unsigned char>(value[i]);
      const char escape = kEscapes[byte];
      if (escape == kAsItIs) continue;
      if (escape == kNotAscii) {
        if (!is_utf8 && !llvm::json::isUTF8(value)) {
          text_.resize(begin);
          return string(llvm::json::fixUTF8(value));
        }
        is_utf8 = true;
        continue;
      }
      text_.append(value.substr(copied, i - copied));
      copied = i + 1;
      text_.push_back('\\');
      text_.push_back(escape);
      if (escape == kByNumber) {
        constexpr std::string_view kHex = "0123456789abcdef";
        text_.append("00");
        text_.push_back(kHex[byte >> 4]);
        text_.push_back(kHex[byte & 0xf]);
      }
    }
    text_.append(value.substr(copied));
    text_.push_back('"');
  }

 private:
  std::string text_;
};

void write_functions(JsonText& json, const ProgramGraph& graph) {
  std::string_view separator;
  for (const ProgramFunction& function : graph.functions()) {
    json << std::exchange(separator, ",") << "{";
    if (function.entry_count) {
      json << R"("features":{"llvm_profile_entry_count":[)" << *function.entry_count << "]},";
    }
    json << R"("module":0,"name":)";
    json.string(function.name);
    json << "}";
  }
}

void write_module(JsonText& json, const llvm::Module& module) {
  json << R"({"features":{"llvm_data_layout":[)";
  json.string(module.getDataLayoutStr());
  json << R"(],"llvm_target_triple":[)";
  json.string(module.getTargetTriple());
  json << R"(]},"name":)";
  json.string(module.getSourceFileName());
  json << "}";
}

void write_links(JsonText& json, const ProgramGraph& graph) {
  std::string_view separator;
  for (const ProgramEdge& edge : graph.edges()) {
    json << std::exchange(separator, ",") << R"({"flow":)" << static_cast<std::uint64_t>(edge.flow)
         << R"(,"key":)" << edge.key << R"(,"position":)" << edge.position << R"(,"source":)"
         << edge.source << R"(,"target":)" << edge.target << "}";
  }
}

void write_weight(JsonText& json, std::string_view feature, std::optional<std::uint64_t> weight) {
  if (weight) json << "," << feature << ":[" << *weight << "]";
}

void write_nodes(JsonText& json, const ProgramGraph& graph) {
  auto profile = graph.profiles().begin();
  std::string_view separator;
  std::uint64_t id = 0;
  for (const ProgramNode& node : graph.nodes()) {
    json << std::exchange(separator, ",") << R"({"block":)" << node.block;
    if (id != 0) {  // the root has no features
      json << R"(,"features":{"full_text":[)";
      json.string(node.full_text);
      json << "]";
      if (profile != graph.profiles().end() && profile->node == id) {
        write_weight(json, R"("llvm_profile_false_weight")", profile->false_weight);
        write_weight(json, R"("llvm_profile_total_weight")", profile->total_weight);
        write_weight(json, R"("llvm_profile_true_weight")", profile->true_weight);
        ++profile;
      }
      json << "}";
    }
    json << R"(,"function":)" << node.function << R"(,"id":)" << id << R"(,"text":)";
    json.string(node.text);
    json << R"(,"type":)" << static_cast<std::uint64_t>(node.type) << "}";
    ++id;
  }
}

}  // namespace

std::string programl_json(const llvm::Module& module) {
  const ProgramGraph graph(module);
  JsonText json(graph.nodes().size() * kTypicalNodeBytes +
                graph.edges().size() * kTypicalEdgeBytes);
  json << R"({"directed":true,"graph":{"function":[)";
  write_functions(json, graph);
  json << R"(],"module":[)";
  write_module(json, module);
  json << R"(]},"links":[)";
  write_links(json, graph);
  json << R"(],"multigraph":true,"nodes":[)";
  write_nodes(json, graph);
  json << "]}";
  return std::move(json).take();
}

}  // namespace compiler_gym

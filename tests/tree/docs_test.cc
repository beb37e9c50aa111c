// What README.md and docs/ say about the tree is so: quotations, links, flags, and the path of a step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tree/markdown.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const fs::path kRoot(COMPILER_GYM_SOURCE_DIR);

std::string read_file(const fs::path& path) {
  std::ifstream file((kRoot / path).string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// -------------------------------------------------------------------------------- reading Markdown

TEST(MarkdownTest, FindsBlocksAndWhereTheyAreFrom) {
  const auto blocks = code_blocks("<!-- from: a/b.cc -->\n```cpp\nint x;\n```\n```\nmake\n```\n");
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].language, "cpp");
  EXPECT_EQ(blocks[0].from, "a/b.cc");
  EXPECT_EQ(blocks[0].text, "int x;\n");
  EXPECT_EQ(blocks[1].from, "") << "it is the one before that is from there";
}

TEST(MarkdownTest, FindsCommandsAndSpans) {
  const std::string text = "`a --b` and `c`\n```\nd --e \\\n  f\ng\n```\n```python\nh\n```\n";
  EXPECT_THAT(code_spans(text), ElementsAre("a --b", "c"));
  EXPECT_THAT(commands(text), ElementsAre("d --e   f", "g"));
}

TEST(MarkdownTest, FindsLinksAndAnchors) {
  const std::string text =
      "# The `./dev` tool, in short\n[x](y.md#z), ![p](p.svg) <img src=\"q.svg\">\n"
      "```\n# no heading\n[no](link)\n```\n";
  EXPECT_THAT(link_targets(text), ElementsAre("y.md#z", "p.svg", "q.svg"));
  EXPECT_THAT(anchors(text), ElementsAre("the-dev-tool-in-short"));
}

TEST(MarkdownTest, ASectionEndsAtTheNextOfItsLevel) {
  const std::string text = "# A\n## B\nb\n### C\nc\n## D\nd\n";
  EXPECT_THAT(section(text, "B"), ElementsAre("b", "### C", "c"));
  EXPECT_THAT(section(text, "E"), IsEmpty());
}

// ------------------------------------------------------------------------------- the documentation

std::vector<fs::path> documents() {
  std::vector<fs::path> paths = {"README.md"};
  for (const fs::directory_entry& entry : fs::directory_iterator(kRoot / "docs")) {
    if (entry.path().extension() == ".md") {
      paths.push_back(fs::path("docs") / entry.path().filename());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

TEST(DocsTest, QuoteCodeThatIsInTheTree) {
  std::size_t quotations = 0;
  for (const fs::path& document : documents()) {
    for (const CodeBlock& block : code_blocks(read_file(document))) {
      if (block.language == "cpp") {
        EXPECT_FALSE(block.from.empty()) << document << " names no file for:\n" << block.text;
      }
      if (block.from.empty()) {
        continue;
      }
      ++quotations;
      EXPECT_NE(read_file(block.from).find(block.text), std::string::npos)
          << block.from << " does not contain what " << document << " quotes from it:\n"
          << block.text;
    }
  }
  EXPECT_GE(quotations, 9U);
}

TEST(DocsTest, LinkToWhatThereIs) {
  for (const fs::path& document : documents()) {
    for (const std::string& target : link_targets(read_file(document))) {
      if (target.starts_with("https://")) {
        continue;
      }
      const std::size_t hash = target.find('#');
      const fs::path path = hash == 0 ? document : document.parent_path() / target.substr(0, hash);
      ASSERT_TRUE(fs::exists(kRoot / path)) << document << " links to " << target;
      if (hash != std::string::npos) {
        EXPECT_THAT(anchors(read_file(path)), Contains(target.substr(hash + 1)))
            << document << " links to " << target;
      }
    }
  }
}

TEST(DocsTest, AreAllInReach) {
  const std::vector<std::string> linked = link_targets(read_file("README.md"));
  for (const fs::path& document : documents()) {
    if (document != "README.md") {
      EXPECT_THAT(linked, Contains(document.string()));
    }
  }
}

TEST(DocsTest, TheReadmeIsReadInAMinute) {
  const std::string readme = read_file("README.md");
  EXPECT_LE(std::ranges::count(readme, '\n'), 150);
}

// ------------------------------------------------------------------------------------------- flags

// The flags of the services are the rows of docs/flags.md, which the command line's own test
// compares with the program.
std::string flags_of_services() {
  return read_file("docs/flags.md");
}

// The sources of each program of tools/ and bench/, by its name.
std::map<std::string, std::string> sources_of_tools() {
  const std::regex program(R"(add_executable\((compiler_gym-[a-z-]+) )");
  std::map<std::string, std::string> sources;
  for (const char* folder : {"tools", "bench"}) {
    for (const fs::directory_entry& room : fs::directory_iterator(kRoot / folder)) {
      if (!fs::exists(room.path() / "CMakeLists.txt")) {
        continue;
      }
      const fs::path path = fs::relative(room.path(), kRoot);
      const std::string cmake = read_file(path / "CMakeLists.txt");
      std::string text;
      for (const fs::directory_entry& file : fs::directory_iterator(room.path())) {
        if (file.path().extension() == ".cc") {
          text += read_file(path / file.path().filename());
        }
      }
      for (std::sregex_iterator match(cmake.begin(), cmake.end(), program), end; match != end;
           ++match) {
        sources[match->str(1)] = text;
      }
    }
  }
  const fs::path command = "python/compiler_gym_service/cli";
  for (const fs::directory_entry& file : fs::directory_iterator(kRoot / command)) {
    if (file.path().extension() == ".py") {
      sources["compiler-gym"] += read_file(command / file.path().filename());
    }
  }
  return sources;
}

bool names(const std::string& text, const std::string& flag) {
  const std::regex mention("(\"|--)" + flag + "(?![a-z0-9_-])");
  return std::regex_search(text, mention);
}

// Whether `program` takes the flag; without one, whether anything of this project does.
bool takes(const std::string& program, const std::string& flag) {
  static const std::map<std::string, std::string> kTools = sources_of_tools();
  static const std::map<std::string, std::string> kOthers = {
      {"cmake", "--build --component --install --prefix --preset --target"},
      {"ctest", "--preset --rerun-failed"},
      // Google Benchmark's go through.
      {"compiler_gym-bench-llvm", "--benchmark_filter --benchmark_out"},
  };
  if (const auto other = kOthers.find(program);
      other != kOthers.end() && names(other->second, flag)) {
    return true;
  }
  if (const auto tool = kTools.find(program); tool != kTools.end()) {
    return names(tool->second, flag);
  }
  if (program.ends_with("-service")) {
    return names(flags_of_services(), flag);
  }
  return (program.empty() || program == "dev") &&
         (names(read_file("dev"), flag) || names(flags_of_services(), flag) ||
          names(kOthers.at("compiler_gym-bench-llvm"), flag) ||
          std::ranges::any_of(kTools, [&](const auto& tool) { return names(tool.second, flag); }));
}

// The first program that a command names: what comes after it are its arguments.
std::string program_of(const std::string& command) {
  std::istringstream words(command);
  for (std::string word; words >> word;) {
    const std::string name = fs::path(word).filename().string();
    if (name.starts_with("compiler_gym-") || name == "compiler-gym" || name == "cmake" ||
        name == "ctest" || name == "dev") {
      return name;
    }
  }
  return {};
}

TEST(DocsTest, NameFlagsThatThereAre) {
  const std::regex mention(R"((?:^|[\s\[])--([a-z][a-z0-9_-]*))");
  std::size_t seen = 0;
  for (const fs::path& document : documents()) {
    const std::string text = read_file(document);
    std::vector<std::string> fragments = code_spans(text);
    const std::vector<std::string> shown = commands(text);
    fragments.insert(fragments.end(), shown.begin(), shown.end());
    for (const std::string& fragment : fragments) {
      const std::string program = program_of(fragment);
      for (std::sregex_iterator match(fragment.begin(), fragment.end(), mention), end; match != end;
           ++match, ++seen) {
        EXPECT_TRUE(takes(program, match->str(1)))
            << document << ": '" << fragment << "': there is no flag --" << match->str(1);
      }
    }
  }
  EXPECT_GT(seen, 50U);
}

TEST(DocsTest, AFlagIsLookedForWhereItBelongs) {
  EXPECT_TRUE(takes("compiler_gym-llvm-service", "memory_budget"));
  EXPECT_FALSE(takes("compiler_gym-llvm-service", "memory")) << "not the whole name";
  EXPECT_FALSE(takes("compiler_gym-llvm-service", "serve")) << "a tool's";
  EXPECT_TRUE(takes("compiler_gym-load", "serve"));
  EXPECT_FALSE(takes("compiler_gym-load", "memory_budget"));
  EXPECT_TRUE(takes("", "serve")) << "somebody's";
  EXPECT_FALSE(takes("", "no_such_flag"));
  EXPECT_EQ(program_of("bin/compiler_gym-load --serve bin/compiler_gym-llvm-service"),
            "compiler_gym-load");
}

// -------------------------------------------------------------------------------- the path of a step

TEST(DocsTest, EveryHopOfAStepIsAFunctionOfItsFile) {
  const std::regex hop(R"(\d+\. \[([^\]]+)\]\(\.\./([^)]+)\), `((?:\w+::)?)(\w+)\(\)`.*)");
  std::size_t hops = 0;
  for (const std::string& line :
       section(read_file("docs/architecture.md"), "The path of a step, file by file")) {
    if (line.empty() || std::isdigit(static_cast<unsigned char>(line.front())) == 0) {
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, hop)) << "no file and function: " << line;
    ++hops;
    EXPECT_EQ(match.str(1), match.str(2)) << "the link leads elsewhere";
    const std::string source = read_file(match.str(2));
    EXPECT_FALSE(source.empty()) << "there is no " << match.str(2);
    const std::string in_class = match.str(3).substr(0, match.str(3).find(':'));
    EXPECT_TRUE(in_class.empty() || std::regex_search(source, std::regex("\\b" + in_class + "\\b")))
        << match.str(2) << " has no " << in_class;
    EXPECT_TRUE(std::regex_search(source, std::regex("\\b" + match.str(4) + "\\(")))
        << match.str(2) << " has no " << match.str(4) << "()";
  }
  EXPECT_GE(hops, 12U);
}

}  // namespace
}  // namespace compiler_gym::testing

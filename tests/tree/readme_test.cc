// What README.md quotes is in the file it names, word for word.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(std::string(COMPILER_GYM_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Snippet {
  std::string file;  // empty if nothing says where it is from
  std::string code;
};

// The blocks of C++ in Markdown, each with the file that a comment before it names.
std::vector<Snippet> cpp_snippets(const std::string& markdown) {
  const std::string from = "<!-- from: ";
  std::vector<Snippet> snippets;
  std::string named;
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(from)) {
      named = line.substr(from.size(), line.find(" -->") - from.size());
    } else if (line == "```cpp") {
      Snippet snippet{.file = named, .code = {}};
      while (std::getline(lines, line) && line != "```") {
        snippet.code += line + '\n';
      }
      snippets.push_back(std::move(snippet));
      named.clear();
    }
  }
  return snippets;
}

TEST(ReadmeTest, QuotesCodeThatIsInTheTree) {
  const std::vector<Snippet> snippets = cpp_snippets(read_file("README.md"));
  EXPECT_GE(snippets.size(), 6U);
  for (const Snippet& snippet : snippets) {
    ASSERT_FALSE(snippet.file.empty()) << "a snippet names no file:\n" << snippet.code;
    EXPECT_NE(read_file(snippet.file).find(snippet.code), std::string::npos)
        << snippet.file << " does not contain what README.md quotes from it:\n"
        << snippet.code;
  }
}

}  // namespace

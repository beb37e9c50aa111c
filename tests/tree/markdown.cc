#include "tests/tree/markdown.h"

#include <cctype>
#include <regex>
#include <sstream>

namespace compiler_gym::testing {
namespace {

constexpr const char* kFence = "```";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> lines_outside_of_blocks(const std::string& markdown) {
  std::vector<std::string> lines;
  bool in_block = false;
  for (const std::string& line : lines_of(markdown)) {
    if (line.starts_with(kFence)) {
      in_block = !in_block;
    } else if (!in_block) {
      lines.push_back(line);
    }
  }
  return lines;
}

// The first group of each match, line by line.
std::vector<std::string> matches(const std::vector<std::string>& lines, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (const std::string& line : lines) {
    for (std::sregex_iterator match(line.begin(), line.end(), regex), end; match != end; ++match) {
      found.push_back(match->str(1));
    }
  }
  return found;
}

std::size_t heading_level(const std::string& line) {
  const std::size_t level = line.find_first_not_of('#');
  return level != std::string::npos && level > 0 && line[level] == ' ' ? level : 0;
}

}  // namespace

std::vector<CodeBlock> code_blocks(const std::string& markdown) {
  const std::string from = "<!-- from: ";
  std::vector<CodeBlock> blocks;
  std::string named;
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(from)) {
      named = line.substr(from.size(), line.find(" -->") - from.size());
    } else if (line.starts_with(kFence)) {
      CodeBlock block{.language = line.substr(3), .from = named, .text = {}};
      while (std::getline(lines, line) && line != kFence) {
        block.text += line + '\n';
      }
      blocks.push_back(std::move(block));
      named.clear();
    }
  }
  return blocks;
}

std::vector<std::string> code_spans(const std::string& markdown) {
  return matches(lines_outside_of_blocks(markdown), "`([^`]+)`");
}

std::vector<std::string> commands(const std::string& markdown) {
  std::vector<std::string> found;
  for (const CodeBlock& block : code_blocks(markdown)) {
    if (!block.language.empty()) {
      continue;
    }
    bool continued = false;
    for (std::string line : lines_of(block.text)) {
      const bool goes_on = line.ends_with('\\');
      if (goes_on) {
        line.pop_back();
      }
      if (continued) {
        found.back() += line;
      } else {
        found.push_back(line);
      }
      continued = goes_on;
    }
  }
  return found;
}

std::vector<std::string> link_targets(const std::string& markdown) {
  const std::vector<std::string> lines = lines_outside_of_blocks(markdown);
  std::vector<std::string> targets = matches(lines, R"(\]\(([^)\s]+)\))");
  const std::vector<std::string> pictures = matches(lines, R"re((?:src|srcset)="([^"]+)")re");
  targets.insert(targets.end(), pictures.begin(), pictures.end());
  return targets;
}

std::set<std::string> anchors(const std::string& markdown) {
  std::set<std::string> found;
  for (const std::string& line : lines_outside_of_blocks(markdown)) {
    const std::size_t level = heading_level(line);
    if (level == 0) {
      continue;
    }
    std::string anchor;
    for (const unsigned char c : line.substr(level + 1)) {
      if (std::isalnum(c) != 0 || c == '-' || c == '_') {
        anchor += static_cast<char>(std::tolower(c));
      } else if (c == ' ') {
        anchor += '-';
      }
    }
    found.insert(anchor);
  }
  return found;
}

std::vector<std::string> section(const std::string& markdown, const std::string& heading) {
  std::vector<std::string> found;
  std::size_t level = 0;  // of the section, while in it
  for (const std::string& line : lines_outside_of_blocks(markdown)) {
    const std::size_t here = heading_level(line);
    if (here != 0 && level != 0 && here <= level) {
      break;
    }
    if (level != 0) {
      found.push_back(line);
    } else if (here != 0 && line.substr(here + 1) == heading) {
      level = here;
    }
  }
  return found;
}

}  // namespace compiler_gym::testing

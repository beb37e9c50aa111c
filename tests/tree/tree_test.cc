// Keeps DESIGN's dependency arrow by reading every #include of the tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "tests/tree/include_rules.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using testing::objection_to_include;

// --------------------------------------------------------------------------------------- the rules

struct Row {
  const char* name;
  const char* includer;
  const char* included;
  bool allowed;
  bool has_main = false;
};

class IncludeRulesTest : public ::testing::TestWithParam<Row> {};

TEST_P(IncludeRulesTest, AllowsOrObjects) {
  const Row& row = GetParam();
  const std::string objection = objection_to_include(row.includer, row.included, row.has_main);
  EXPECT_EQ(objection.empty(), row.allowed) << objection;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, IncludeRulesTest,
    ::testing::Values(
        Row{"OwnFolder", "core/gate.cc", "core/gate.h", true},
        Row{"AlongTheArrow", "sessions/session.cc", "core/gate.h", true},
        Row{"AgainstTheArrow", "core/gate.cc", "context/context_host.h", false},
        Row{"NotFromTheRoot", "core/gate.cc", "gate.h", false},
        Row{"ProductNeedsNoBench", "async_server/server.cc", "bench/client/client_loop.h", false},
        Row{"ProductNeedsNoTests", "bench/load/main.cc", "tests/support/poll.h", false},
        Row{"OwnInternal", "core/async_tag.h", "core/internal/pending_handler.h", true},
        Row{"OthersInternal", "context/context_host.h", "core/internal/pending_handler.h", false},
        Row{"TestsSeeInternals", "tests/core/x.cc", "core/internal/pending_handler.h", true},
        Row{"InternalOfAFolderBelow", "sessions/x.cc", "sessions/llvm/internal/y.h", false},
        Row{"PlugInUsesTheApi", "sessions/llvm/a.cc", "sessions/compilation_session.h", true},
        Row{"PlugInsAreLeaves", "async_server/server.cc", "sessions/llvm/actions.h", false},
        Row{"PlugInsAreIndependent", "sessions/llvm/a.cc", "sessions/example/b.h", false},
        Row{"SessionsKnowNoPlugIn", "sessions/session.cc", "sessions/example/b.h", false},
        Row{"TestsKnowPlugIns", "tests/llvm/a.cc", "sessions/llvm/actions.h", true},
        Row{"PlugInWithoutMain", "sessions/llvm/a.cc", "async_server/server.h", false},
        Row{"PlugInsMain", "sessions/llvm/a.cc", "async_server/server.h", true, true},
        Row{"MainOutsidePlugIns", "sessions/a.cc", "async_server/server.h", false, true},
        Row{"PlugInsMainNeedsNoBench", "sessions/llvm/a.cc", "bench/a.h", false, true}),
    [](const auto& row) { return std::string(row.param.name); });

// ---------------------------------------------------------------------------------------- the tree

std::vector<std::string> sources() {
  const fs::path root(COMPILER_GYM_SOURCE_DIR);
  std::vector<std::string> paths;
  for (const char* folder :
       {"proto", "core", "context", "sessions", "async_server", "bench", "tests"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".h" || entry.path().extension() == ".cc") {
        paths.push_back(fs::relative(entry.path(), root).string());
      }
    }
  }
  return paths;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(std::string(COMPILER_GYM_SOURCE_DIR) + "/" + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

TEST(TreeTest, HasSources) {
  EXPECT_GT(sources().size(), 50U) << "the test below sees nothing";
}

TEST(TreeTest, EveryIncludeFollowsTheRules) {
  const std::regex include(R"re(\s*#\s*include\s+"(.*)".*)re");
  for (const std::string& path : sources()) {
    const std::vector<std::string> lines = lines_of(path);
    const bool has_main = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line.starts_with("int main(");
    });
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (std::smatch match; std::regex_match(lines[i], match, include)) {
        const std::string objection = objection_to_include(path, match.str(1), has_main);
        EXPECT_TRUE(objection.empty())
            << path << ":" << i + 1 << ": includes " << match.str(1) << ", but " << objection;
      }
    }
  }
}

}  // namespace
}  // namespace compiler_gym

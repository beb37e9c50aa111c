// Keeps DESIGN's dependency arrow by reading every #include of the tree, and what else can be seen of a tree's shape
// and of its scripts.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/tree/include_rules.h"
#include "tests/tree/lambda_depth.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using testing::deepest_lambda;
using testing::objection_to_include;

// --------------------------------------------------------------------------------------- the rules

struct Row {
  const char* name;
  const char* includer;
  const char* included;
  bool allowed;
};

class IncludeRulesTest : public ::testing::TestWithParam<Row> {};

TEST_P(IncludeRulesTest, AllowsOrObjects) {
  const Row& row = GetParam();
  const std::string objection = objection_to_include(row.includer, row.included);
  EXPECT_EQ(objection.empty(), row.allowed) << objection;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, IncludeRulesTest,
    ::testing::Values(
        Row{"OwnFolder", "core/gate.cc", "core/gate.h", true},
        Row{"AlongTheArrow", "sessions/session.cc", "core/gate.h", true},
        Row{"AgainstTheArrow", "core/gate.cc", "context/context_host.h", false},
        Row{"NotFromTheRoot", "core/gate.cc", "gate.h", false},
        Row{"ProductNeedsNoTool", "async_server/server.cc", "tools/load/load_options.h", false},
        Row{"ProductNeedsNoClient", "async_server/server.cc", "client/client_loop.h", false},
        Row{"ProductNeedsNoTests", "tools/load/main.cc", "tests/support/poll.h", false},
        Row{"ToolsNeedNoBench", "tools/load/main.cc", "bench/hosted/hosted_server.h", false},
        Row{"ToolsKnowTheActions", "tools/search/a.cc", "sessions/llvm/actions/actions.h", true},
        Row{"ToolsKnowNoSession", "tools/search/a.cc", "sessions/llvm/llvm_session.h", false},
        Row{"ToolsNeedNoServer", "tools/load/main.cc", "async_server/server.h", false},
        Row{"ClientNeedsNoServer", "client/a.cc", "async_server/server.h", false},
        Row{"ClientNeedsNoSessions", "client/a.cc", "sessions/session.h", false},
        Row{"EngineUsesSupport", "core/gate.cc", "core/support/clock.h", true},
        Row{"SupportNeedsNoEngine", "core/support/logger.cc", "core/gate.h", false},
        Row{"EngineNeedsNoProcesses", "core/gate.cc", "core/posix/processes.h", false},
        Row{"ProcessesUseSupport", "core/posix/a.cc", "core/support/status.h", true},
        Row{"OwnInternal", "context/a.cc", "context/internal/calling_thread.h", true},
        Row{"OthersInternal", "sessions/a.cc", "context/internal/calling_thread.h", false},
        Row{"TestsSeeInternals", "tests/core/x.cc", "context/internal/calling_thread.h", true},
        Row{"InternalOfAFolderBelow", "sessions/x.cc", "sessions/llvm/internal/y.h", false},
        Row{"PublicHeaderOfInternals", "context/a.h", "context/internal/b.h", false},
        Row{"InternalHeaderOfInternals", "context/internal/a.h", "context/internal/b.h", true},
        Row{"PlugInUsesTheApi", "sessions/llvm/a.cc", "sessions/compilation_session.h", true},
        Row{"PlugInsAreLeaves", "async_server/server.cc", "sessions/llvm/llvm_session.h", false},
        Row{"SessionsKnowNoPlugIn", "sessions/session.cc", "sessions/llvm/llvm_session.h", false},
        Row{"PlugInWithoutServer", "sessions/llvm/a.cc", "async_server/server.h", false},
        Row{"PlugInWithoutIsolation", "sessions/llvm/a.cc", "sessions/isolated/zygote.h", false},
        Row{"PlugInKnowsItsRooms", "sessions/llvm/a.cc", "sessions/llvm/ir/ir_module.h", true},
        Row{"SessionsKnowNoIsolation", "sessions/session_service.h",
            "sessions/isolated/isolated_sessions.h", false},
        Row{"RoomsFollowTheArrow", "sessions/llvm/ir/a.cc", "sessions/llvm/costs/b.h", false},
        Row{"RoomKnowsNoSession", "sessions/llvm/ir/a.cc", "sessions/llvm/llvm_session.h", false},
        Row{"ServiceNamesItsPlugIn", "services/a.cc", "sessions/llvm/llvm_session.h", true},
        Row{"ExamplesShowTheClient", "examples/a.cc", "client/service_client.h", true},
        Row{"ServiceNeedsNoTool", "services/a.cc", "tools/load/load_options.h", false},
        Row{"TestsKnowPlugIns", "tests/llvm/a.cc", "sessions/llvm/llvm_session.h", true}),
    [](const auto& row) { return std::string(row.param.name); });

struct LambdaRow {
  const char* name;
  const char* code;
  int depth;
};

class LambdaDepthTest : public ::testing::TestWithParam<LambdaRow> {};

TEST_P(LambdaDepthTest, CountsLambdasInLambdas) {
  EXPECT_EQ(deepest_lambda(GetParam().code).depth, GetParam().depth);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LambdaDepthTest,
    ::testing::Values(LambdaRow{"None", "int f(int a[3]) { return a[1]; }", 0},
                      LambdaRow{"One", "auto f = [x](int y) { return x[y]; };", 1},
                      LambdaRow{"BesideEachOther", "f([] { a(); }, [&] { b(); });", 1},
                      LambdaRow{"InEachOther", "f([] { g([=]() mutable -> int { return 1; }); });",
                                2},
                      LambdaRow{"InACapture", "f([a = [] { return 1; }] { a(); });", 1},
                      LambdaRow{"ThreeDeep", "f([] { g([] { h([] {}); }); });", 3},
                      LambdaRow{"Template", "f([]<typename T>(T t) { g([t] {}); });", 2},
                      LambdaRow{"Attribute", "[[nodiscard]] int f() { return g([] {}); }", 1},
                      LambdaRow{"Subscript", "v[i] = w[j](x);", 0},
                      LambdaRow{"InAComment", "// f([] { g([] {}); });\n/* [] {} */", 0},
                      LambdaRow{"InAString", "auto s = \"[] { [] { } }\";", 0}),
    [](const auto& row) { return std::string(row.param.name); });

// ---------------------------------------------------------------------------------------- the tree

std::vector<std::string> sources() {
  const fs::path root(COMPILER_GYM_SOURCE_DIR);
  std::vector<std::string> paths;
  for (const char* folder : {"proto", "core", "client", "context", "sessions", "async_server",
                             "services", "examples", "tools", "bench", "tests"}) {
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

std::string text_of(const std::string& path) {
  std::string text;
  for (const std::string& line : lines_of(path)) {
    text += line + '\n';
  }
  return text;
}

TEST(TreeTest, HasSources) {
  EXPECT_GT(sources().size(), 50U) << "the tests below see nothing";
}

TEST(TreeTest, EveryIncludeFollowsTheRules) {
  const std::regex include(R"re(\s*#\s*include\s+"(.*)".*)re");
  for (const std::string& path : sources()) {
    const std::vector<std::string> lines = lines_of(path);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (std::smatch match; std::regex_match(lines[i], match, include)) {
        const std::string objection = objection_to_include(path, match.str(1));
        EXPECT_TRUE(objection.empty())
            << path << ":" << i + 1 << ": includes " << match.str(1) << ", but " << objection;
      }
    }
  }
}

TEST(TreeTest, NoSourceIsLongerThanItsReadersPatience) {
  constexpr std::size_t kMaxLines = 400;
  for (const std::string& path : sources()) {
    EXPECT_LE(lines_of(path).size(), kMaxLines) << path << " has two subjects by now: split it";
  }
}

TEST(TreeTest, NoLambdaIsNestedDeeperThanTwo) {
  for (const std::string& path : sources()) {
    const auto deepest = deepest_lambda(text_of(path));
    EXPECT_LE(deepest.depth, 2) << path << ":" << deepest.line
                                << ": one thing after another reads better as a coroutine";
  }
}

// ------------------------------------------------------------------------------------- the scripts

// What the first group of the expression has matched, each time.
std::multiset<std::string> matches_in(const std::string& script, const std::regex& expression) {
  std::multiset<std::string> found;
  for (std::sregex_iterator match(script.begin(), script.end(), expression), end; match != end;
       ++match) {
    found.insert(match->str(1));
  }
  return found;
}

class ScriptTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ScriptTest, CallsWhatItDefinesOnce) {
  const std::regex definition(R"re((?:^|\n)([a-z_]+)\(\) \{)re");
  // Names of two words or more where a command stands: no program that the scripts run is called so.
  const std::regex call(
      R"re((?:\n|[;&|!{]|\$\(|\b(?:then|do|else|if|while|exec)\b) *([a-z]+(?:_[a-z]+)+)(?=[\s;)]))re");
  const std::string script = text_of(GetParam());
  const std::multiset<std::string> functions = matches_in(script, definition);
  EXPECT_FALSE(functions.empty()) << "this test sees nothing";
  for (const std::string& function : functions) {
    EXPECT_EQ(functions.count(function), 1U) << GetParam() << " defines " << function << " again";
  }
  for (const std::string& function : matches_in(script, call)) {
    EXPECT_TRUE(functions.contains(function)) << GetParam() << " has no function " << function;
  }
}

INSTANTIATE_TEST_SUITE_P(Scripts, ScriptTest,
                         ::testing::Values("dev", "bench/peer/install", "python/run_tests.sh"));

}  // namespace
}  // namespace compiler_gym

#include "context/benchmark_roots.h"

#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;

class BenchmarkRootsTest : public ::testing::Test {
 protected:
  BenchmarkRootsTest() { fs::create_directories(directory_ / "data"); }
  ~BenchmarkRootsTest() override { fs::remove_all(directory_); }

  const fs::path directory_ = fs::canonical(fs::temp_directory_path()) / fs::unique_path();
};

TEST_F(BenchmarkRootsTest, NoneMeanAnywhere) {
  const auto roots = BenchmarkRoots::resolve({});
  ASSERT_TRUE(roots);
  EXPECT_TRUE(roots->anywhere());
  EXPECT_TRUE(roots->contain("/etc/passwd"));
  EXPECT_EQ(roots->to_string(), "");
}

TEST_F(BenchmarkRootsTest, ContainWhatLiesBelowThem) {
  fs::create_directories(directory_ / "more");
  const auto roots = BenchmarkRoots::resolve({directory_ / "data", directory_ / "more"});
  ASSERT_TRUE(roots) << to_string(roots.error());
  EXPECT_FALSE(roots->anywhere());
  EXPECT_TRUE(roots->contain(directory_ / "data/a.bc"));
  EXPECT_TRUE(roots->contain(directory_ / "more/deep/down/a.bc"));
  EXPECT_FALSE(roots->contain(directory_ / "a.bc"));
  EXPECT_FALSE(roots->contain(directory_ / "database/a.bc"));
  EXPECT_FALSE(roots->contain("/"));
  EXPECT_EQ(roots->to_string(),
            (directory_ / "data").string() + ", " + (directory_ / "more").string());
}

TEST_F(BenchmarkRootsTest, AreWhatTheirLinksLeadTo) {
  fs::create_directory_symlink("data", directory_ / "link");
  const auto roots = BenchmarkRoots::resolve({directory_ / "link/../link/"});
  ASSERT_TRUE(roots) << to_string(roots.error());
  EXPECT_EQ(roots->to_string(), (directory_ / "data").string());
}

TEST_F(BenchmarkRootsTest, TheRootOfAllContainsAll) {
  const auto roots = BenchmarkRoots::resolve({"/"});
  ASSERT_TRUE(roots);
  EXPECT_TRUE(roots->contain("/etc/passwd"));
}

TEST_F(BenchmarkRootsTest, MustBeDirectories) {
  const auto error = [](const fs::path& path) {
    const auto roots = BenchmarkRoots::resolve({path});
    return roots ? "OK" : to_string(roots.error());
  };
  const std::ofstream file((directory_ / "file").string());
  EXPECT_EQ(error(directory_ / "missing"),
            "INVALID_ARGUMENT: '" + (directory_ / "missing").string() +
                "' is no directory that can be read: No such file or directory");
  EXPECT_EQ(error(directory_ / "file"), "INVALID_ARGUMENT: '" + (directory_ / "file").string() +
                                            "' is no directory that can be read: Not a directory");
}

}  // namespace
}  // namespace compiler_gym::testing

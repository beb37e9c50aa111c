#include "sessions/llvm/observations/cpu_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/llvm/parse_json.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

constexpr std::int64_t kKibibyte = 1024;

// A machine made of files.
class CpuInfoTest : public ::testing::Test {
 protected:
  CpuInfoTest() { fs::create_directories(root_); }
  ~CpuInfoTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    fs::ofstream(root_ / path) << text << '\n';
  }

  void add_core(const std::string& cpu, const std::string& siblings) {
    write("sys/devices/system/cpu/" + cpu + "/topology/thread_siblings_list", siblings);
  }

  struct Cache {
    std::string cpu;
    std::string index;
    std::string level;
    std::string type;
    std::string size;
    std::string shared_by;
  };
  void add_cache(const Cache& cache) {
    const std::string index = "sys/devices/system/cpu/" + cache.cpu + "/cache/" + cache.index;
    write(index + "/level", cache.level);
    write(index + "/type", cache.type);
    write(index + "/size", cache.size);
    write(index + "/shared_cpu_list", cache.shared_by);
  }

  [[nodiscard]] CpuInfo read() const { return read_cpu_info(root_); }

 private:
  const fs::path root_ = fs::temp_directory_path() / fs::unique_path("cpu_info_%%%%-%%%%-%%%%");
};

void expect_cache(const CpuCache& cache, std::int64_t size_in_bytes, std::int64_t count) {
  EXPECT_EQ(cache.size_in_bytes, size_in_bytes);
  EXPECT_EQ(cache.count, count);
}

TEST_F(CpuInfoTest, CountsCoresAndCachesOnceThoughTheirProcessorsAllListThem) {
  // Two cores of two threads each, with an L3 for all.
  write("proc/cpuinfo",
        "processor\t: 0\nmodel name\t:  Example CPU @ 2GHz \n\nprocessor\t: 1\n"
        "model name\t: another\n");
  for (const auto& [cpu, siblings] : std::vector<std::pair<std::string, std::string>>{
           {"cpu0", "0,2"}, {"cpu1", "1,3"}, {"cpu2", "0,2"}, {"cpu3", "1,3"}}) {
    add_core(cpu, siblings);
    add_cache({cpu, "index0", "1", "Data", "48K", siblings});
    add_cache({cpu, "index1", "1", "Instruction", "32K", siblings});
    add_cache({cpu, "index2", "2", "Unified", "1280K", siblings});
    add_cache({cpu, "index3", "3", "Unified", "55296K", "0-3"});
  }

  const CpuInfo cpu_info = read();

  EXPECT_EQ(cpu_info.name, "Example CPU @ 2GHz");
  EXPECT_EQ(cpu_info.cores_count, 2);
  expect_cache(cpu_info.l1d, 48 * kKibibyte, 2);
  expect_cache(cpu_info.l1i, 32 * kKibibyte, 2);
  expect_cache(cpu_info.l2, 1280 * kKibibyte, 2);
  expect_cache(cpu_info.l3, 55296 * kKibibyte, 1);
  expect_cache(cpu_info.l4, -1, 0);
}

TEST_F(CpuInfoTest, TakesTheSizeOfTheFirstProcessorsCache) {
  add_cache({"cpu10", "index0", "2", "Unified", "512K", "10"});
  add_cache({"cpu2", "index0", "2", "Unified", "2048K", "2"});

  expect_cache(read().l2, 2048 * kKibibyte, 2);
}

TEST_F(CpuInfoTest, CountsAUnifiedFirstLevelAsBothOfItsKinds) {
  add_cache({"cpu0", "index0", "1", "Unified", "16K", "0"});

  expect_cache(read().l1i, 16 * kKibibyte, 1);
  expect_cache(read().l1d, 16 * kKibibyte, 1);
}

TEST_F(CpuInfoTest, PassesOverProcessorsThatAreOfflineAndWhatIsNoProcessor) {
  add_core("cpu0", "0");
  write("sys/devices/system/cpu/cpu1/online", "0");
  write("sys/devices/system/cpu/cpufreq/boost", "1");
  write("sys/devices/system/cpu/cpu0/cache/uevent", "");

  EXPECT_EQ(read().cores_count, 1);
}

TEST_F(CpuInfoTest, CountsProcessorsWhereTheMachineTellsOfNoCores) {
  write("proc/cpuinfo", "processor : 0\nprocessor : 1\nprocessor : 2\n");

  EXPECT_EQ(read().cores_count, 3);
}

TEST_F(CpuInfoTest, LeavesOutWhatCantBeRead) {
  add_cache({"cpu0", "index0", "3", "Unified", "plenty", "0"});
  add_cache({"cpu0", "index1", "five", "Unified", "1K", "0"});
  write("proc/cpuinfo", "no colon here");

  const CpuInfo cpu_info = read();

  expect_cache(cpu_info.l3, -1, 1);
  EXPECT_EQ(cpu_info.name, "");
}

TEST_F(CpuInfoTest, OfNoMachineIsEmpty) {
  const CpuInfo cpu_info = read();

  EXPECT_EQ(cpu_info.name, "");
  EXPECT_EQ(cpu_info.cores_count, 0);
  expect_cache(cpu_info.l1d, -1, 0);
}

TEST_F(CpuInfoTest, OfThisMachineHasACore) {
  EXPECT_GE(read_cpu_info().cores_count, 1);
}

TEST(CpuInfoJsonTest, HasTheKeysOfCompilerGym) {
  std::vector<std::string> expected;
  const llvm::json::Object crc32 = expected_of_crc32();
  for (const llvm::json::Value& key : *crc32.getArray("CpuInfo_keys")) {
    expected.push_back(key.getAsString()->str());
  }

  const llvm::json::Object json = parse_json(to_json(CpuInfo{}));

  std::vector<std::string> keys;
  for (const auto& [key, value] : json) keys.push_back(key.str());
  EXPECT_THAT(keys, ::testing::UnorderedElementsAreArray(expected));
}

TEST(CpuInfoJsonTest, HoldsTheFigures) {
  CpuInfo cpu_info;
  cpu_info.name = "\"Quoted\" \xff";
  cpu_info.cores_count = 4;
  cpu_info.l1i = {.size_in_bytes = 32768, .count = 4};

  EXPECT_EQ(to_json(cpu_info),
            R"({"cores_count":4,"l1d_cache_count":0,"l1d_cache_size":-1,"l1i_cache_count":4,)"
            R"("l1i_cache_size":32768,"l2_cache_count":0,"l2_cache_size":-1,"l3_cache_count":0,)"
            R"("l3_cache_size":-1,"l4_cache_count":0,"l4_cache_size":-1,)"
            "\"name\":\"\\\"Quoted\\\" \xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace compiler_gym

// A working directory in which there is no room left: what needs it fails and says so, the rest goes
// on, and all is well again when there is room.
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>

#include "core/support/status.h"
#include "tests/fault/fault_fixture.h"
#include "tests/fault/small_disk.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class FullDiskTest : public FaultTest {
 protected:
  // Their places among the observation spaces.
  static constexpr int kBitcodeFile = 3;
  static constexpr int kObjectTextSizeBytes = 13;

  // Before there are threads.
  static void SetUpTestSuite() { why_not = enter_own_mount_namespace(); }

  void SetUp() override {
    if (!why_not.empty()) {
      GTEST_SKIP() << "a full disk can't be had here: " << why_not;
    }
    directory_ = fs::temp_directory_path() / fs::unique_path("cg-full-disk-%%%%-%%%%");
    fs::create_directories(directory_);
    disk_.emplace(directory_, 4 << 20);
  }
  ~FullDiskTest() override {
    service_.reset();
    disk_.reset();
    if (!directory_.empty()) {
      fs::remove_all(directory_);
    }
  }

  std::vector<std::string> files() const {
    std::vector<std::string> files;
    for (fs::recursive_directory_iterator entry(directory_), end; entry != end; ++entry) {
      if (entry->path().parent_path().filename() != "logs") {
        files.push_back(fs::relative(entry->path(), directory_).string());
      }
    }
    return files;
  }

  boost::asio::awaitable<void> use_the_disk(bool full) {
    const grpc::Status written = co_await write_bitcode();
    const grpc::Status built = co_await start_buildable();
    if (full) {
      EXPECT_THAT(to_string(written),
                  MatchesRegex("RESOURCE_EXHAUSTED: Failed to write bitcode file: " +
                               directory_.string() + "/module-.*\\.bc: No space left on device"));
      EXPECT_THAT(to_string(built), StartsWith("RESOURCE_EXHAUSTED: No space left on the disk of " +
                                               (directory_ / "disk").string()))
          << "the machine's fault, not the program's";
    } else {
      EXPECT_EQ(to_string(written), "OK");
      EXPECT_EQ(to_string(built), "OK");
    }
  }

  boost::asio::awaitable<grpc::Status> write_bitcode() {
    Crowd outsiders(*client_, program_, 0);
    const Result<std::int64_t> session = co_await outsiders.async_start_session();
    if (!session) {
      co_return session.error();
    }
    StepRequest request;
    request.set_session_id(*session);
    request.add_observation_space(kBitcodeFile);
    const auto reply = co_await client_->step(std::move(request));
    if (reply) {
      EXPECT_GT(fs::file_size(reply->observation(0).string_value()), 1000U);
      fs::remove(reply->observation(0).string_value());  // as clients do
    }
    co_await outsiders.async_end_session(*session);
    co_return reply ? grpc::Status::OK : reply.error();
  }

  // On a program whose code size is measured by building it.
  boost::asio::awaitable<grpc::Status> start_buildable() {
    StartSessionRequest request;
    Benchmark& benchmark = *request.mutable_benchmark();
    // Built in another way each time, as what was measured is kept.
    const std::string number = std::to_string(built_++);
    benchmark.set_uri("benchmark://full-disk/" + number);
    benchmark.mutable_program()->set_contents(program_);
    Command& build = *benchmark.mutable_dynamic_config()->mutable_build_cmd();
    build.add_argument("NUMBER=" + number + " $CC $IN -o program");
    build.add_outfile("program");
    build.set_timeout_seconds(60);
    request.add_observation_space(kObjectTextSizeBytes);
    const auto reply = co_await client_->start_session(std::move(request));
    if (reply) {
      EndSessionRequest end;
      end.set_session_id(reply->session_id());
      co_await client_->end_session(std::move(end));
    }
    co_return reply ? grpc::Status::OK : reply.error();
  }

  fs::path directory_;
  std::optional<SmallDisk> disk_;
  int built_ = 0;

 private:
  static inline std::string why_not;
};

class FullDiskCrowdTest : public FullDiskTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(FullDiskCrowdTest, CostsThoseWhoNeedRoomAndNobodyElseAnything) {
  serve({std::string("--executor=") + GetParam(), "-v=1"}, kLlvmService, directory_);
  bool under_way = false;
  int times = 0;
  const auto fill_and_free = [&](int) -> boost::asio::awaitable<void> {
    if (under_way) {
      co_return;
    }
    under_way = true;
    disk_->fill();
    co_await use_the_disk(/*full=*/true);
    disk_->make_room();
    co_await use_the_disk(/*full=*/false);
    disk_->fill();
    under_way = false;
    ++times;
  };
  EXPECT_THAT(run_crowd(10, fill_and_free), IsEmpty());
  EXPECT_GT(times, 0);
  stop();  // with no room for its last words
  disk_->make_room();
  EXPECT_THAT(files(), UnorderedElementsAre("addresses.txt", "disk", "logs", "pid.txt", "port.txt",
                                            "service.lock"));
}

INSTANTIATE_TEST_SUITE_P(, FullDiskCrowdTest, ::testing::Values("inline", "isolated"),
                         [](const auto& row) { return std::string(row.param); });

TEST_F(FullDiskTest, AServiceThatCannotWriteItsPortSaysSoAndEnds) {
  disk_->fill();
  ManagedServiceOptions options;
  options.binary = fs::path(COMPILER_GYM_BIN_DIR) / kLlvmService;
  options.working_directory = directory_;
  const auto started = loop_.run(ManagedService::async_start(std::move(options)));
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().error_message(),
              HasSubstr("ended before it listened: exit status 1"));
  disk_->make_room();
  EXPECT_THAT(files(), UnorderedElementsAre("disk", "logs", "service.lock"));
}

}  // namespace
}  // namespace compiler_gym::testing

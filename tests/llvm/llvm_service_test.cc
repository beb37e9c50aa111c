// The LLVM plug-in as the service runs it: requests instead of calls.
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/filesystem.hpp>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "context/context_host.h"
#include "core/worker_pool.h"
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"
#include "sessions/llvm/observations/observation_spaces.h"
#include "sessions/session_service.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/value_of.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

using boost::asio::use_future;
using testing::get_within_watchdog;

class LlvmServiceTest : public ::testing::Test {
 protected:
  LlvmServiceTest() {
    boost::filesystem::create_directories(directory_);
    const grpc::Status initialised = get_within_watchdog(context_host_.async_init(use_future));
    EXPECT_TRUE(initialised.ok()) << to_string(initialised);
    const grpc::Status loaded = service_.load_spaces();
    EXPECT_TRUE(loaded.ok()) << to_string(loaded);
  }

  ~LlvmServiceTest() override {
    get_within_watchdog(service_.async_end_all(use_future));
    EXPECT_TRUE(get_within_watchdog(context_host_.async_shutdown(use_future)).ok());
    boost::filesystem::remove_all(directory_);
  }

  void add(const Benchmark& benchmark) {
    AddBenchmarkRequest request;
    *request.add_benchmark() = benchmark;
    service_.add_benchmarks(request);
  }

  /// By its URI only, as a client does; the reply holds IrSha1.
  StartSessionReply start(const std::string& uri) {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri(uri);
    request.add_observation_space(static_cast<int>(LlvmObservation::kIrSha1));
    StartSessionReply reply;
    const grpc::Status status = get_within_watchdog(
        service_.async_start_session(request, reply, std::stop_source(), use_future));
    EXPECT_TRUE(status.ok()) << to_string(status);
    return reply;
  }

  /// Or the status, if there is no such parameter.
  std::string parameter(std::int64_t session_id, const std::string& key) {
    SendSessionParameterRequest request;
    request.set_session_id(session_id);
    request.add_parameter()->set_key(key);
    SendSessionParameterReply reply;
    const grpc::Status status = get_within_watchdog(
        service_.async_send_session_parameter(request, reply, std::stop_source(), use_future));
    return status.ok() ? reply.reply(0) : to_string(status);
  }

 private:
  const boost::filesystem::path directory_ =
      boost::filesystem::canonical(boost::filesystem::temp_directory_path()) /
      boost::filesystem::unique_path("llvm-test-%%%%-%%%%");
  testing::RecordingLogger logger_;
  boost::asio::io_context io_context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
      io_context_.get_executor()};
  WorkerPool workers_{{.threads = 4}, logger_};
  ContextHost context_host_{io_context_.get_executor(),
                            std::make_unique<LlvmServiceContext>(directory_), workers_, logger_};
  SessionService service_{
      [](CompilerGymServiceContext& context) {
        return std::make_unique<LlvmSession>(static_cast<LlvmServiceContext&>(context));
      },
      context_host_,
      workers_,
      {}};
  std::jthread thread_{[this](const std::stop_token& stop) {
    const std::stop_callback stopped(stop, [this] { keep_running_.reset(); });
    io_context_.run();
  }};
};

TEST_F(LlvmServiceTest, SixtyFourSessionsAtOnceLoadANewBenchmarkOnce) {
  add(*crc32_benchmark());
  std::vector<std::future<StartSessionReply>> starts;
  for (int i = 0; i < 64; ++i) {
    starts.push_back(
        std::async(std::launch::async, [this] { return start(crc32_benchmark()->uri()); }));
  }
  const StartSessionReply first = get_within_watchdog(std::move(starts.front()));
  for (int i = 1; i < 64; ++i) {
    EXPECT_EQ(get_within_watchdog(std::move(starts[i])).observation(0).string_value(),
              first.observation(0).string_value());
  }
  EXPECT_EQ(parameter(first.session_id(), "llvm.bitcode_cache.get_loads"), "1");
  EXPECT_EQ(parameter(first.session_id(), "llvm.bitcode_cache.get_hits"), "63");
}

TEST_F(LlvmServiceTest, TellsTheFiguresOfItsCaches) {
  add(*crc32_benchmark());
  const std::int64_t session = start(crc32_benchmark()->uri()).session_id();
  for (const auto& [key, value] :
       {std::pair{"llvm.bitcode_cache.get_entries", "1"},
        std::pair{"llvm.bitcode_cache.get_max_size_in_bytes", "268435456"},
        std::pair{"llvm.bitcode_cache.get_hits", "0"},
        std::pair{"llvm.bitcode_cache.get_loads", "1"},
        std::pair{"llvm.bitcode_cache.get_evictions", "0"},
        std::pair{"llvm.spare_modules.get_entries", "0"},
        std::pair{"llvm.spare_modules.get_size_in_bytes", "0"},
        std::pair{"llvm.spare_modules.get_max_size_in_bytes", "134217728"},
        std::pair{"llvm.spare_modules.get_hits", "0"},
        std::pair{"llvm.spare_modules.get_misses", "1"},
        std::pair{"llvm.spare_modules.get_dropped", "0"}}) {
    EXPECT_EQ(parameter(session, key), value) << key;
  }
  EXPECT_GT(std::stoi(parameter(session, "llvm.bitcode_cache.get_size_in_bytes")), 1000);

  // From the second start on, one is ready for the next.
  static_cast<void>(start(crc32_benchmark()->uri()));
  testing::poll_until([&] { return parameter(session, "llvm.spare_modules.get_entries") == "1"; });
  EXPECT_NE(parameter(session, "llvm.spare_modules.get_size_in_bytes"), "0");
  static_cast<void>(start(crc32_benchmark()->uri()));
  EXPECT_EQ(parameter(session, "llvm.spare_modules.get_hits"), "1");
  EXPECT_EQ(parameter(session, "llvm.bitcode_cache.get_hits"), "2");
}

TEST_F(LlvmServiceTest, KnowsNoOtherFigures) {
  add(*crc32_benchmark());
  const std::int64_t session = start(crc32_benchmark()->uri()).session_id();
  for (const char* key : {"llvm.bitcode_cache.get_", "llvm.bitcode_cache.get_hashed",
                          "llvm.bitcode_cache.set_hits", "llvm.spare_modules.hits"}) {
    EXPECT_EQ(parameter(session, key), "INVALID_ARGUMENT: Unknown parameter: " + std::string(key));
  }
}

}  // namespace
}  // namespace compiler_gym

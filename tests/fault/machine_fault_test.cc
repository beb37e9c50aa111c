// A machine that has no more of something: what each request is answered then, that all is well again when the
// machine is, and that the service ends as it should in the midst of it. docs/operating.md has the outcomes as a
// table, which this compares with what it sees.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <map>
#include <sstream>
#include <tuple>

#include "core/posix/processes.h"
#include "core/support/status.h"
#include "tests/fault/control_group.h"
#include "tests/fault/fault_fixture.h"
#include "tests/support/sanitized.h"
#include "tools/soak/system_call_faults.h"
#include "tools/support/program_files.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;

using ::testing::HasSubstr;

enum class By {
  kSystemCalls,      ///< that fail
  kDescriptorLimit,  ///< prlimit(2) on the descriptors of all processes
  kControlGroup,     ///< the number of processes and threads in it
};

struct MachineFault {
  const char* name;  ///< of the test
  const char* row;   ///< in the table
  Shortage shortage;
  By by = By::kSystemCalls;
};

constexpr MachineFault kMachineFaults[] = {
    {"Descriptors", "no descriptor in the process (EMFILE)", Shortage::kNone, By::kDescriptorLimit},
    {"Files", "no descriptor in the system (ENFILE)", Shortage::kFiles},
    {"Processes", "no process or thread (EAGAIN)", Shortage::kProcesses},
    {"ControlGroup", "no process in the control group (pids.max)", Shortage::kNone,
     By::kControlGroup},
    {"Memory", "no large piece of memory (ENOMEM)", Shortage::kMemory},
    {"Disk", "no room for a file (ENOSPC)", Shortage::kDisk},
};

/// In the order of the table's columns.
constexpr const char* kMachineOperations[] = {"start", "new program", "build",  "step",
                                              "fork",  "end",         "connect"};

class MachineFaultTest
    : public FaultTest,
      public ::testing::WithParamInterface<std::tuple<MachineFault, const char*>> {
 protected:
  using Outcomes = std::map<std::string, grpc::Status>;

  static const MachineFault& fault() { return std::get<0>(GetParam()); }
  static std::string executor() { return std::get<1>(GetParam()); }

  void SetUp() override {
    const bool needs_memory = kSanitized && fault().shortage == Shortage::kMemory;
    if (needs_memory || (kAddressSanitized && fault().shortage != Shortage::kDisk &&
                         fault().by != By::kControlGroup)) {
      GTEST_SKIP() << "the sanitizer needs for itself what is short";
    }
    if (fault().by == By::kControlGroup) {
      Result<std::unique_ptr<ControlGroup>> group = ControlGroup::of_processes();
      if (!group) {
        GTEST_SKIP() << group.error().error_message();
      }
      group_ = *std::move(group);
    }
  }
  void TearDown() override {
    service_.reset();  // before its group
  }

  void serve_under_faults() {
    faults_.emplace(fs::path(COMPILER_GYM_BIN_DIR) / kLlvmService);
    // What the state graph knows needs nothing of the machine.
    serve({"--executor=" + executor(), "--drain_grace=2", "--state_graph_bytes=0"},
          "compiler_gym-soak-launcher");
    if (group_ != nullptr) {
      for (const pid_t pid : process_tree(service_->pid())) {
        group_->add(pid);
      }
    }
  }

  // On an `other` program that no session has seen, unless it has.
  boost::asio::awaitable<void> do_everything(Outcomes& outcomes) {
    outcomes["start"] = co_await start("known", program_, "");
    outcomes["new program"] = co_await start("other", other_program_, "");
    outcomes["build"] = co_await start("built", program_, "$CC $IN -o program");
    StepRequest step;
    step.set_session_id(ids_.front());
    step.add_action()->set_int64_value(39);  // -gvn
    step.add_observation_space(1);
    const auto stepped = co_await client_->step(std::move(step), kPatience);
    outcomes["step"] = status_of(stepped);
    ForkSessionRequest fork;
    fork.set_session_id(ids_.front());
    const auto forked = co_await client_->fork_session(std::move(fork), kPatience);
    outcomes["fork"] = status_of(forked);
    if (forked) {
      ids_.push_back(forked->session_id());
    }
    EndSessionRequest end;
    end.set_session_id(ids_.back());
    const auto ended = co_await client_->end_session(std::move(end), kPatience);
    outcomes["end"] = status_of(ended);
    if (ended) {
      ids_.pop_back();
    }
    ServiceClient stranger(loop_.pump(), service_->target());
    // Whom nobody accepts waits.
    CallOptions patience;
    patience.timeout = std::chrono::seconds(outcomes_of_a_shortage_ ? 2 : 30);
    const auto version = co_await stranger.get_version(patience);
    outcomes["connect"] = status_of(version);
  }

  boost::asio::awaitable<grpc::Status> start(std::string name, std::string program,
                                             std::string build) {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri("benchmark://machine-fault/" + name);
    request.mutable_benchmark()->mutable_program()->set_contents(std::move(program));
    if (!build.empty()) {
      Command& command =
          *request.mutable_benchmark()->mutable_dynamic_config()->mutable_build_cmd();
      command.add_argument(build);
      command.add_outfile("program");
      command.set_timeout_seconds(60);
      request.add_observation_space(kObjectTextSizeBytes);
    }
    const auto reply = co_await client_->start_session(std::move(request), kPatience);
    if (reply) {
      ids_.push_back(reply->session_id());
    }
    co_return status_of(reply);
  }

  void begin_fault() {
    faults_->set(fault().shortage);
    if (fault().by == By::kDescriptorLimit) {
      limit_descriptors(/*to_what_is_in_use=*/true);
    }
    if (group_ != nullptr) {
      group_->forbid_more_processes();
    }
  }
  void end_fault() {
    faults_->set(Shortage::kNone);
    if (fault().by == By::kDescriptorLimit) {
      limit_descriptors(/*to_what_is_in_use=*/false);
    }
    if (group_ != nullptr) {
      group_->allow_more_processes();
    }
  }

  // Of numbers that are free below the highest one in use there may be a few: they are used up first.
  void limit_descriptors(bool to_what_is_in_use) const {
    for (const pid_t pid : process_tree(service_->pid())) {
      rlimit limit{};
      prlimit(pid, RLIMIT_NOFILE, nullptr, &limit);
      limit.rlim_cur = to_what_is_in_use ? descriptors_of(pid) : limit.rlim_max;
      prlimit(pid, RLIMIT_NOFILE, &limit, nullptr);
    }
  }
  static rlim_t descriptors_of(pid_t pid) {
    rlim_t end = 0;
    boost::system::error_code error;
    for (fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), error), last;
         !error && entry != last; entry.increment(error)) {
      end = std::max<rlim_t>(end, std::stoul(entry->path().filename().string()) + 1);
    }
    return end;
  }

  template <typename Reply>
  static grpc::Status status_of(const Result<Reply>& reply) {
    return reply ? grpc::Status::OK : reply.error();
  }

  /// The cells of the fault's row in docs/operating.md; what is there for "step" say.
  static std::map<std::string, std::string> documented() {
    std::istringstream lines(*read_file(COMPILER_GYM_SOURCE_DIR "/docs/operating.md"));
    std::map<std::string, std::string> cells;
    const std::string beginning = fmt::format("| {} | {} |", fault().row, executor());
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(beginning)) {
        continue;
      }
      std::istringstream rest(line.substr(beginning.size()));
      for (const char* operation : kMachineOperations) {
        std::getline(rest, cells[operation], '|');
      }
      std::getline(rest, cells["SIGTERM"], '|');
    }
    return cells;
  }

  static constexpr CallOptions kPatience{.timeout = std::chrono::seconds(30)};
  static constexpr int kObjectTextSizeBytes = 13;

  const std::string other_program_ = *read_file(COMPILER_GYM_TEST_DATA "/written_by_llvm14.bc");
  std::unique_ptr<ControlGroup> group_;
  std::optional<SystemCallFaults> faults_;
  std::vector<std::int64_t> ids_;
  bool outcomes_of_a_shortage_ = false;
};

TEST_P(MachineFaultTest, IsAnsweredAsDocumentedAndPassesWithTheShortage) {
  serve_under_faults();
  // A session that is there before.
  ASSERT_TRUE(loop_.run(start("known", program_, "")).ok());
  ASSERT_TRUE(loop_.run(start("known", program_, "")).ok());

  begin_fault();
  Outcomes under;
  outcomes_of_a_shortage_ = true;
  loop_.run(do_everything(under));
  outcomes_of_a_shortage_ = false;
  end_fault();
  Outcomes after;
  loop_.run(do_everything(after));
  begin_fault();
  const ProcessExit exit = loop_.run(service_->async_stop());
  faults_->set(Shortage::kNone);

  std::string row = fmt::format("| {} | {} |", fault().row, executor());
  const auto cells = documented();
  for (const char* operation : kMachineOperations) {
    const std::string code = to_string(under[operation].error_code());
    row += fmt::format(" {} |", code);
    const bool waits = code == "DEADLINE_EXCEEDED" && operation == std::string("connect");
    EXPECT_TRUE(waits || code == "OK" || code == "RESOURCE_EXHAUSTED" || code == "UNAVAILABLE")
        << operation << ": " << to_string(under[operation]);
    EXPECT_THAT(cells.contains(operation) ? cells.at(operation) : "", HasSubstr(code)) << operation;
    EXPECT_EQ(to_string(after[operation]), "OK") << operation << ", when there is enough again";
  }
  row += fmt::format(" {} |", exit.returncode);
  EXPECT_FALSE(exit.had_to_be_killed);
  EXPECT_THAT(cells.contains("SIGTERM") ? cells.at("SIGTERM") : "",
              HasSubstr(std::to_string(exit.returncode)));
  if (fault().by != By::kDescriptorLimit) {
    EXPECT_GT(group_ != nullptr ? group_->refused() : faults_->refused(), 0U)
        << "else this tests nothing";
  }
  if (HasFailure()) {
    GTEST_LOG_(INFO) << "as it was:\n" << row;
    for (const auto& [operation, status] : under) {
      GTEST_LOG_(INFO) << operation << ": " << to_string(status);
    }
    for (const auto& file : fs::directory_iterator(service_->working_directory() / "logs")) {
      GTEST_LOG_(INFO) << *read_file(file.path());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, MachineFaultTest,
                         ::testing::Combine(::testing::ValuesIn(kMachineFaults),
                                            ::testing::Values("inline", "isolated")),
                         [](const auto& row) {
                           const char* const executor = std::get<1>(row.param);
                           return std::string(std::get<0>(row.param).name) +
                                  (executor[1] == 'n' ? "Inline" : "Isolated");
                         });

}  // namespace
}  // namespace compiler_gym::testing

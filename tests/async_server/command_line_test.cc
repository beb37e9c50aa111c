// Reading the command line: every form clients use, and an error for every value that makes no
// sense.
#include "async_server/command_line.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "async_server/internal/flag_table.h"
#include "async_server/memory_budget.h"

namespace compiler_gym::testing {
namespace {

using internal::Flag;
using internal::FlagGroup;
using internal::service_flags;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kDefaultBudget = 1024 * kMebibyte;

Result<std::variant<ServiceCommand, PrintAndExit>> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "service");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), "A compiler.",
                            kDefaultBudget);
}

ServiceCommand parse_command(std::vector<const char*> arguments) {
  auto parsed = parse(std::move(arguments));
  EXPECT_TRUE(parsed) << to_string(parsed.error());
  return std::get<ServiceCommand>(*parsed);
}

TEST(CommandLineTest, ListensOnLoopbackOnlyUnlessToldOtherwise) {
  EXPECT_THAT(parse_command({}).server.listen, ElementsAre("localhost:0"));
  EXPECT_THAT(parse_command({"--port", "4242"}).server.listen, ElementsAre("localhost:4242"));
  EXPECT_THAT(parse_command({"--listen=unix:/tmp/x", "--listen", "0.0.0.0:1"}).server.listen,
              ElementsAre("unix:/tmp/x", "0.0.0.0:1"));
  EXPECT_THAT(parse_command({"--listen=[::1]:7", "--port=5"}).server.listen,
              ElementsAre("localhost:5", "[::1]:7"));
}

TEST(CommandLineTest, TakesBothFormsOfAFlagAndASingleDash) {
  EXPECT_EQ(parse_command({"--working_dir=/tmp/a"}).working_directory, "/tmp/a");
  EXPECT_EQ(parse_command({"--working_dir", "/tmp/a"}).working_directory, "/tmp/a");
  EXPECT_EQ(parse_command({"-working_dir=/tmp/a"}).working_directory, "/tmp/a");
}

TEST(CommandLineTest, TakesTheDebugFlagsOfThePythonClient) {
  const ServiceCommand command =
      parse_command({"--working_dir=/tmp/a", "--alsologtostderr", "-v=2", "--logbuflevel=-1"});
  EXPECT_TRUE(command.log_to_stderr);
  EXPECT_EQ(command.verbosity, 2);
  EXPECT_TRUE(command.log_every_line);
  EXPECT_FALSE(parse_command({"--alsologtostderr=false"}).log_to_stderr);
}

TEST(CommandLineTest, ReadsTheLimits) {
  const ServerOptions server =
      parse_command({"--workers=3", "--max_sessions=7", "--max_queued_steps=5", "--drain_grace=2",
                     "--session_ttl=60"})
          .server;
  EXPECT_EQ(server.workers, 3U);
  EXPECT_EQ(server.sessions.max_sessions, 7U);
  EXPECT_EQ(server.sessions.max_queued_steps, 5U);
  EXPECT_EQ(server.drain_grace, std::chrono::seconds(2));
  EXPECT_EQ(server.session_ttl, std::chrono::seconds(60));
}

TEST(CommandLineTest, TheTimeLimitIsThatOfInlineAndOfIsolatedSessions) {
  const ServerOptions server = parse_command({"--step_timeout=7"}).server;
  EXPECT_EQ(server.sessions.request_timeout, std::chrono::seconds(7));
  EXPECT_EQ(server.isolation.timeouts.request_timeout, std::chrono::seconds(7));
}

TEST(CommandLineTest, ReadsWhetherProcessesServeOneSessionAfterAnother) {
  EXPECT_TRUE(parse_command({}).server.isolation.recycle.enabled);
  EXPECT_TRUE(parse_command({"--recycle=auto"}).server.isolation.recycle.enabled);
  EXPECT_FALSE(parse_command({"--recycle=never"}).server.isolation.recycle.enabled);
}

TEST(CommandLineTest, ReadsTheBoundsOfTheWholeService) {
  const ServerOptions server =
      parse_command({"--max_requests_in_flight=9", "--max_bytes_in_flight=8",
                     "--max_message_size=7", "--max_grpc_memory=6", "--max_benchmark_cache_bytes=5",
                     "--max_unread_bytes=4", "--max_templates=3", "--max_running=2",
                     "--max_reply_size=1", "--state_graph_bytes=0"})
          .server;
  EXPECT_EQ(server.max_requests_in_flight, 9U);
  EXPECT_EQ(server.max_bytes_in_flight, 8U);
  EXPECT_EQ(server.max_message_size, 7U);
  EXPECT_EQ(server.max_grpc_memory, 6U);
  EXPECT_EQ(server.context.max_benchmark_cache_bytes, 5U);
  EXPECT_EQ(server.context.state_graph_bytes, 0U);
  EXPECT_EQ(server.max_unread_bytes, 4U);
  EXPECT_EQ(server.isolation.max_templates, 3U);
  EXPECT_EQ(server.isolation.max_running, 2U);
  EXPECT_EQ(server.sessions.max_reply_bytes, 1U);
}

TEST(CommandLineTest, ReadsWhichExecutorsClientsMayChoose) {
  const auto allowed = [](const char* list) {
    const SessionServiceOptions sessions =
        parse_command({"--allow_executors", list}).server.sessions;
    return std::make_pair(sessions.allow_inline, sessions.allow_isolated);
  };
  const SessionServiceOptions untouched = parse_command({}).server.sessions;
  EXPECT_TRUE(untouched.allow_inline && untouched.allow_isolated);
  EXPECT_EQ(allowed("inline"), std::make_pair(true, false));
  EXPECT_EQ(allowed("isolated"), std::make_pair(false, true));
  EXPECT_EQ(allowed("inline,isolated"), std::make_pair(true, true));
  EXPECT_EQ(allowed("isolated,inline"), std::make_pair(true, true));
}

MemoryBounds bounds_of(const ServiceCommand& command) {
  return {.max_benchmark_cache_bytes = command.server.context.max_benchmark_cache_bytes,
          .state_graph_bytes = command.server.context.state_graph_bytes,
          .max_templates = command.server.isolation.max_templates,
          .max_idle_bytes = command.server.isolation.recycle.max_idle_bytes,
          .max_bytes_in_flight = command.server.max_bytes_in_flight,
          .max_grpc_memory = command.server.max_grpc_memory,
          .max_unread_bytes = command.server.max_unread_bytes,
          .max_reply_size = command.server.sessions.max_reply_bytes,
          .max_executor_bytes = command.server.sessions.max_executor_bytes,
          .sandbox_memory = command.sandbox_limits.memory_in_bytes};
}

TEST(CommandLineTest, TheBoundsDeriveFromTheBudget) {
  EXPECT_EQ(bounds_of(parse_command({})), derive_memory_bounds(kDefaultBudget));
  const ServiceCommand given = parse_command({"--memory_budget=4G"});
  EXPECT_EQ(given.memory_budget, 4096 * kMebibyte);
  EXPECT_EQ(bounds_of(given), derive_memory_bounds(4096 * kMebibyte));
  EXPECT_EQ(bounds_of(parse_command({"--memory_budget", "536870912"})),
            derive_memory_bounds(512 * kMebibyte));
}

TEST(CommandLineTest, ABoundThatIsGivenDoesNotDerive) {
  const ServiceCommand command =
      parse_command({"--max_unread_bytes=70M", "--memory_budget=4G", "--sandbox_memory=3G"});
  MemoryBounds expected = derive_memory_bounds(4096 * kMebibyte);
  expected.max_unread_bytes = 70 * kMebibyte;
  expected.sandbox_memory = 3072 * kMebibyte;
  EXPECT_EQ(bounds_of(command), expected) << "in whatever order";
}

TEST(CommandLineTest, ReadsTheLimitsOfSandboxProcesses) {
  const isolated::SandboxLimits limits =
      parse_command({"--sandbox_memory=0", "--sandbox_cpu=9"}).sandbox_limits;
  EXPECT_EQ(limits.memory_in_bytes, 0U) << "no limit";
  EXPECT_EQ(limits.cpu_time, std::chrono::seconds(9));
}

TEST(CommandLineTest, ReadsWhoMayCall) {
  const ServerOptions server =
      parse_command({"--tls_cert=/c", "--tls_key=/k", "--tls_client_ca=/a", "--token_file=/t",
                     "--insecure", "--unix_socket_mode=660", "--benchmark_root=/",
                     "--allow_assembler_files", "--benchmark_root", "/proc"})
          .server;
  EXPECT_EQ(server.access.tls_certificate, "/c");
  EXPECT_EQ(server.access.tls_key, "/k");
  EXPECT_EQ(server.access.tls_client_ca, "/a");
  EXPECT_EQ(server.access.token_file, "/t");
  EXPECT_TRUE(server.access.insecure);
  EXPECT_TRUE(server.context.allow_assembler_files);
  EXPECT_EQ(server.access.unix_socket_mode, 0660U);
  EXPECT_EQ(server.context.benchmark_roots.to_string(), "/, /proc");
  EXPECT_EQ(parse_command({}).server.access.unix_socket_mode, 0600U);
  EXPECT_FALSE(parse_command({}).server.access.insecure);
  EXPECT_FALSE(parse_command({}).server.context.allow_assembler_files);
}

TEST(CommandLineTest, ReadsWhetherAllObservationsAreListed) {
  EXPECT_TRUE(parse_command({"--all_observations"}).server.context.all_observations);
  EXPECT_FALSE(parse_command({}).server.context.all_observations) << "CompilerGym's list";
}

TEST(CommandLineTest, ReadsWhereProgramsAreMeasured) {
  EXPECT_EQ(parse_command({"--measurement_processor=0"}).server.context.measurement_processor, 0);
  EXPECT_EQ(parse_command({}).server.context.measurement_processor, std::nullopt);
}

TEST(CommandLineTest, ReadsTheOwner) {
  EXPECT_EQ(parse_command({"--owner_pid=17"}).owner_pid, 17);
  EXPECT_FALSE(parse_command({}).owner_pid.has_value());
}

struct BadArguments {
  const char* name;
  std::vector<const char*> arguments;
  const char* message;
};

class BadArgumentsTest : public ::testing::TestWithParam<BadArguments> {};

TEST_P(BadArgumentsTest, AreNamedInTheError) {
  const auto parsed = parse(GetParam().arguments);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(parsed.error().error_message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadArgumentsTest,
    ::testing::Values(
        BadArguments{"UnknownFlag", {"--foobar"}, "unknown command line flag 'foobar'"},
        BadArguments{"UnknownFlagWithValue", {"--foobar=3"}, "unknown command line flag 'foobar'"},
        BadArguments{"UnknownFlagWithOneDash", {"-foobar"}, "unknown command line flag 'foobar'"},
        BadArguments{"StrayArgument", {"foobar"}, "unexpected command line argument 'foobar'"},
        BadArguments{"MissingValue", {"--port"}, "flag 'port': a value is missing"},
        BadArguments{"PortTooLarge",
                     {"--port=65536"},
                     "flag 'port': '65536' is not a number from 0 to 65535"},
        BadArguments{"PortNotANumber",
                     {"--port", "http"},
                     "flag 'port': 'http' is not a number from 0 to 65535"},
        BadArguments{"NumberWithATail",
                     {"--workers=2x"},
                     "flag 'workers': '2x' is not a number from 1 to 1024"},
        BadArguments{"NoSessions",
                     {"--max_sessions=0"},
                     "flag 'max_sessions': '0' is not a number from 1 to 1000000"},
        BadArguments{"Listen",
                     {"--listen=localhost"},
                     "flag 'listen': 'localhost' is neither host:port nor unix:PATH"},
        BadArguments{"ListenWithoutAPath",
                     {"--listen=unix:"},
                     "flag 'listen': 'unix:' is neither host:port nor unix:PATH"},
        BadArguments{"Boolean",
                     {"--alsologtostderr=maybe"},
                     "flag 'alsologtostderr': 'maybe' is not one of true, false, 1, 0"},
        BadArguments{"TooLittleMemory",
                     {"--memory_budget=64M"},
                     "flag 'memory_budget': '64M' is too little: a service needs 256M at least"},
        BadArguments{"MemoryOfText",
                     {"--memory_budget=much"},
                     "flag 'memory_budget': 'much' is not a number from 0 to 1125899906842624"},
        BadArguments{"SandboxMemoryInMebibytes",
                     {"--sandbox_memory=4096"},
                     "flag 'sandbox_memory': '4096' is too little: a process needs 64M at least, 0 "
                     "is no limit"},
        BadArguments{
            "FormerName", {"--worker_memory=4096"}, "unknown command line flag 'worker_memory'"},
        BadArguments{"EmptyWorkingDirectory",
                     {"--working_dir", ""},
                     "flag 'working_dir': the path is empty"}),
    [](const auto& instance) { return instance.param.name; });

// ------------------------------------------------------------------------------------------- texts

std::string printed(const char* flag) {
  auto parsed = parse({flag});
  EXPECT_TRUE(parsed) << to_string(parsed.error());
  return std::get<PrintAndExit>(*parsed).text;
}

std::set<std::string> flags_in(const std::string& text, const char* pattern) {
  const std::regex flag(pattern);
  std::set<std::string> flags;
  for (std::sregex_iterator match(text.begin(), text.end(), flag), end; match != end; ++match) {
    flags.insert((*match)[1]);
  }
  return flags;
}

std::set<std::string> flags_with(std::initializer_list<FlagGroup> groups) {
  std::set<std::string> names;
  for (const Flag& flag : service_flags()) {
    if (std::ranges::find(groups, flag.group) != groups.end()) {
      names.insert(flag.name);
    }
  }
  return names;
}

constexpr const char* kInHelp = R"(\n  --([a-z_-]+))";

TEST(CommandLineTest, HelpShowsWhatPeopleSet) {
  const std::string help = printed("--help");
  EXPECT_THAT(help, HasSubstr("A compiler."));
  const std::set<std::string> shown = flags_in(help, kInHelp);
  EXPECT_EQ(shown, flags_with({FlagGroup::kCommon}));
  EXPECT_THAT(shown, ::testing::IsSupersetOf({"working_dir", "port", "memory_budget", "help-all"}));
  EXPECT_LE(shown.size(), 16U) << "a dozen, and help, help-all and version";
}

TEST(CommandLineTest, HelpAllShowsEveryFlag) {
  const std::string help = printed("--help-all");
  EXPECT_THAT(help, HasSubstr("A compiler."));
  EXPECT_EQ(flags_in(help, kInHelp), flags_with({FlagGroup::kCommon, FlagGroup::kAdvanced}));
}

TEST(CommandLineTest, HelpFitsItsColumns) {
  std::istringstream lines(printed("--help-all"));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(CommandLineTest, TheManualsPageHasEveryFlagAndExitStatus) {
  const std::string page = printed("--help-man");
  EXPECT_THAT(page, ::testing::StartsWith(".TH \"SERVICE\" 1 "));
  const std::string plain = std::regex_replace(page, std::regex(R"(\\-)"), "-");
  EXPECT_EQ(flags_in(plain, R"(\n\.TP\n\\fB--([a-z_-]+)\\fR)"),
            flags_with({FlagGroup::kCommon, FlagGroup::kAdvanced}));
  EXPECT_THAT(page, HasSubstr(".SH \"EXIT STATUS\"\n.TP\n0\n"));
  EXPECT_THAT(page, HasSubstr(".TP\n6\nstopped by a signal"));
  // What roff would take for a request of its own.
  std::istringstream lines(page);
  const std::regex requests(R"(\.(TH|SH|SS|TP|PP)( .*)?)");
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(!line.starts_with('.') || std::regex_match(line, requests)) << line;
    EXPECT_FALSE(line.starts_with('\'')) << line;
  }
}

TEST(CommandLineTest, TheDocumentedTableIsTheOneThatIsPrinted) {
  std::ifstream file(std::string(COMPILER_GYM_SOURCE_DIR) + "/docs/flags.md");
  std::stringstream documented;
  documented << file.rdbuf();
  EXPECT_EQ(documented.str(), printed("--help-markdown"))
      << "compiler_gym-example-service --help-markdown >docs/flags.md";
}

TEST(FlagTableTest, EveryFlagSaysWhatItIs) {
  for (const Flag& flag : service_flags()) {
    EXPECT_FALSE(flag.meaning.empty()) << flag.name;
    EXPECT_FALSE(flag.meaning.ends_with('.')) << flag.name;
    EXPECT_EQ(flag.store == nullptr, flag.argument.empty()) << flag.name;
  }
}

}  // namespace
}  // namespace compiler_gym::testing

// Reading the command line: every form clients use, and an error for every value that makes no
// sense.
#include "async_server/command_line.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<std::variant<ServiceCommand, PrintAndExit>> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "service");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), "A compiler.");
}

ServiceCommand parse_command(std::vector<const char*> arguments) {
  auto parsed = parse(std::move(arguments));
  EXPECT_TRUE(parsed) << to_string(parsed.error());
  return std::get<ServiceCommand>(*parsed);
}

TEST(CommandLineTest, ListensOnLoopbackOnlyUnlessToldOtherwise) {
  EXPECT_THAT(parse_command({}).server.listen, ElementsAre("127.0.0.1:0"));
  EXPECT_THAT(parse_command({"--port", "4242"}).server.listen, ElementsAre("127.0.0.1:4242"));
  EXPECT_THAT(parse_command({"--listen=unix:/tmp/x", "--listen", "0.0.0.0:1"}).server.listen,
              ElementsAre("unix:/tmp/x", "0.0.0.0:1"));
  EXPECT_THAT(parse_command({"--listen=[::1]:7", "--port=5"}).server.listen,
              ElementsAre("127.0.0.1:5", "[::1]:7"));
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
  EXPECT_EQ(server.isolation.times.request_timeout, std::chrono::seconds(7));
}

TEST(CommandLineTest, ReadsTheBoundsOfTheWholeService) {
  const ServerOptions server =
      parse_command({"--max_requests_in_flight=9", "--max_bytes_in_flight=8",
                     "--max_message_size=7", "--max_grpc_memory=6", "--max_benchmark_cache_bytes=5",
                     "--max_unread_bytes=4", "--max_templates=3", "--max_running=2"})
          .server;
  EXPECT_EQ(server.max_requests_in_flight, 9U);
  EXPECT_EQ(server.max_bytes_in_flight, 8U);
  EXPECT_EQ(server.max_message_size, 7U);
  EXPECT_EQ(server.max_grpc_memory, 6U);
  EXPECT_EQ(server.context.max_benchmark_cache_bytes, 5U);
  EXPECT_EQ(server.max_unread_bytes, 4U);
  EXPECT_EQ(server.isolation.max_templates, 3U);
  EXPECT_EQ(server.isolation.max_running, 2U);
}

TEST(CommandLineTest, ReadsWhoMayCall) {
  const ServerOptions server =
      parse_command({"--tls_cert=/c", "--tls_key=/k", "--tls_client_ca=/a", "--token_file=/t",
                     "--insecure", "--unix_socket_mode=660", "--benchmark_root=/",
                     "--benchmark_root", "/proc"})
          .server;
  EXPECT_EQ(server.access.tls_certificate, "/c");
  EXPECT_EQ(server.access.tls_key, "/k");
  EXPECT_EQ(server.access.tls_client_ca, "/a");
  EXPECT_EQ(server.access.token_file, "/t");
  EXPECT_TRUE(server.access.insecure);
  EXPECT_EQ(server.access.unix_socket_mode, 0660U);
  EXPECT_EQ(server.context.benchmark_roots.to_string(), "/, /proc");
  EXPECT_EQ(parse_command({}).server.access.unix_socket_mode, 0600U);
  EXPECT_FALSE(parse_command({}).server.access.insecure);
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
        BadArguments{"EmptyWorkingDirectory",
                     {"--working_dir", ""},
                     "flag 'working_dir': the path is empty"}),
    [](const auto& instance) { return instance.param.name; });

std::set<std::string> flags_in(const std::string& text, const char* pattern) {
  const std::regex flag(pattern);
  std::set<std::string> flags;
  for (std::sregex_iterator match(text.begin(), text.end(), flag), end; match != end; ++match) {
    flags.insert((*match)[1]);
  }
  return flags;
}

TEST(CommandLineTest, HelpNamesTheSameFlagsAsTheReadme) {
  const auto help = parse({"--help"});
  ASSERT_TRUE(help);
  const std::string text = std::get<PrintAndExit>(*help).text;
  EXPECT_THAT(text, HasSubstr("A compiler."));
  std::ifstream file(std::string(COMPILER_GYM_SOURCE_DIR) + "/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  // The table's rows; `--help`, `--version` share one.
  std::string table;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("| `--")) {
      table += line.substr(0, line.find('|', 1)) + '\n';
    }
  }
  EXPECT_EQ(flags_in(text, R"(\n  --([a-z_]+))"), flags_in(table, "`--([a-z_]+)"));
}

}  // namespace
}  // namespace compiler_gym::testing

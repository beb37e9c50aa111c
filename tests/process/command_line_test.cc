// CONTRACT.md 1.1 to 1.3: what a service makes of its command line.
#include <tuple>

#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class CommandLineTest : public ProcessTest {};

// ----------------------------------------------------------------------------------- bad arguments

struct BadArguments {
  const char* name;
  std::vector<std::string> arguments;
  const char* error;
};

class BadArgumentsTest : public CommandLineTest,
                         public ::testing::WithParamInterface<BadArguments> {};

TEST_P(BadArgumentsTest, AreNamedAndEndTheProcess) {
  std::vector<std::string> arguments = GetParam().arguments;
  arguments.insert(arguments.begin(), "--working_dir=" + working_dir().string());
  run(kExampleService, arguments);
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(), "ERROR: " + std::string(GetParam().error) + "\n");
  EXPECT_THAT(service->stdout_text(), IsEmpty());
  EXPECT_FALSE(fs::exists(working_dir())) << "nothing was started";
}

INSTANTIATE_TEST_SUITE_P(
    , BadArgumentsTest,
    ::testing::Values(
        BadArguments{"Positional", {"foobar"}, "unexpected command line argument 'foobar'"},
        BadArguments{"PositionalAfterFlags",
                     {"--port", "0", "foobar"},
                     "unexpected command line argument 'foobar'"},
        BadArguments{"FirstOfSeveralPositionals",
                     {"foobar", "baz"},
                     "unexpected command line argument 'foobar'"},
        BadArguments{"PositionalAfterASwitch",
                     {"--alsologtostderr", "foobar"},
                     "flag 'alsologtostderr': 'foobar' is not one of true, false, 1, 0"},
        BadArguments{"UnknownFlag", {"--foobar"}, "unknown command line flag 'foobar'"},
        BadArguments{"UnknownFlagWithOneDash", {"-foobar"}, "unknown command line flag 'foobar'"},
        BadArguments{"UnknownFlagWithValue", {"--foobar=1"}, "unknown command line flag 'foobar'"},
        BadArguments{
            "UnknownFlagAndItsValue", {"--foobar", "1"}, "unknown command line flag 'foobar'"},
        BadArguments{"PrefixOfAFlag", {"--por=1"}, "unknown command line flag 'por'"},
        BadArguments{"SeveralFlagsInOneArgument",
                     {"--port=0 --workers=2"},
                     "flag 'port': '0 --workers=2' is not a number from 0 to 65535"},
        BadArguments{"EmptyArgument", {""}, "unexpected command line argument ''"},
        BadArguments{
            "PortIsText", {"--port=http"}, "flag 'port': 'http' is not a number from 0 to 65535"},
        BadArguments{"PortTooLarge",
                     {"--port", "65536"},
                     "flag 'port': '65536' is not a number from 0 to 65535"},
        BadArguments{
            "PortNegative", {"--port=-1"}, "flag 'port': '-1' is not a number from 0 to 65535"},
        BadArguments{"PortWithoutValue", {"--port"}, "flag 'port': a value is missing"},
        BadArguments{"PortEmpty", {"--port="}, "flag 'port': a value is missing"},
        BadArguments{
            "NoWorkers", {"--workers=0"}, "flag 'workers': '0' is not a number from 1 to 1024"},
        BadArguments{"NoSessions",
                     {"--max_sessions=0"},
                     "flag 'max_sessions': '0' is not a number from 1 to 1000000"},
        BadArguments{"QueueOfText",
                     {"--max_queued_steps=many"},
                     "flag 'max_queued_steps': 'many' is not a number from 1 to 1000000"},
        BadArguments{"BytesBeyondAllMemory",
                     {"--max_bytes_in_flight=9999999999999999"},
                     "flag 'max_bytes_in_flight': '9999999999999999' is not a number from 1 to "
                     "1125899906842624"},
        BadArguments{"TooLittleMemory",
                     {"--memory_budget=1M"},
                     "flag 'memory_budget': '1M' is too little: a service needs 256M at least"},
        BadArguments{"SocketModeNotOctal",
                     {"--unix_socket_mode=0680"},
                     "flag 'unix_socket_mode': '0680' is not an octal number from 0 to 777"},
        BadArguments{"SocketModeTooLarge",
                     {"--unix_socket_mode=1777"},
                     "flag 'unix_socket_mode': '1777' is not an octal number from 0 to 777"},
        BadArguments{
            "EmptyTokenFile", {"--token_file", ""}, "flag 'token_file': the path is empty"},
        BadArguments{"BenchmarkRootMissing",
                     {"--benchmark_root=/no/such"},
                     "flag 'benchmark_root': '/no/such' is no directory that can be read: No such "
                     "file or directory"},
        BadArguments{"NegativeGrace",
                     {"--drain_grace=-1"},
                     "flag 'drain_grace': '-1' is not a number from 0 to 31536000"},
        BadArguments{"OwnerOfText",
                     {"--owner_pid=me"},
                     "flag 'owner_pid': 'me' is not a number from 1 to 2147483647"},
        BadArguments{"ListenNowhere",
                     {"--listen=nowhere"},
                     "flag 'listen': 'nowhere' is neither host:port nor unix:PATH"},
        BadArguments{"ListenUnixWithoutPath",
                     {"--listen=unix:"},
                     "flag 'listen': 'unix:' is neither host:port nor unix:PATH"},
        BadArguments{"SwitchOfText",
                     {"--alsologtostderr=perhaps"},
                     "flag 'alsologtostderr': 'perhaps' is not one of true, false, 1, 0"},
        BadArguments{"VerbosityOfText",
                     {"-v=high"},
                     "flag 'v': 'high' is not a number from -2147483647 to 2147483647"}),
    [](const auto& row) { return row.param.name; });

TEST_F(CommandLineTest, AWorkingDirectoryThatCannotBeMadeIsNamed) {
  run(kExampleService, {"--working_dir=/proc/no/such"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_THAT(service->stderr_text(),
              StartsWith("ERROR: cannot make the working directory /proc/no/such: "));
}

// ----------------------------------------------------------------------------------- help, version

TEST_F(CommandLineTest, HelpPrintsTheUsageAndWhereTheRestIs) {
  run(kExampleService, {"--help"});
  EXPECT_EQ(service->wait(), 0);
  const std::string help = service->stdout_text();
  EXPECT_THAT(help, StartsWith("The example service: actions without effect, observations that "
                               "never change.\n"));
  for (const std::string flag : {"working_dir", "port", "listen", "memory_budget", "help-all"}) {
    EXPECT_THAT(help, HasSubstr("--" + flag + " "));
  }
  EXPECT_THAT(help, Not(HasSubstr("logbuflevel")));
  EXPECT_THAT(service->stderr_text(), IsEmpty());
}

TEST_F(CommandLineTest, HelpAllPrintsTheUsageAndEveryFlag) {
  run(kExampleService, {"--help-all"});
  EXPECT_EQ(service->wait(), 0);
  const std::string help = service->stdout_text();
  EXPECT_THAT(help, StartsWith("The example service: actions without effect, observations that "
                               "never change.\n"));
  for (const std::string flag : {"working_dir", "port", "listen", "workers", "max_sessions",
                                 "max_queued_steps", "drain_grace", "session_ttl", "owner_pid",
                                 "alsologtostderr", "v", "logbuflevel", "help", "version"}) {
    EXPECT_THAT(help, HasSubstr("--" + flag + " "));
  }
  EXPECT_THAT(help, Not(HasSubstr("stray"))) << "not a flag";
  EXPECT_THAT(service->stderr_text(), IsEmpty());
}

TEST_F(CommandLineTest, TheManualsPageIsOfTheService) {
  run(kExampleService, {"--help-man"});
  EXPECT_EQ(service->wait(), 0);
  EXPECT_THAT(service->stdout_text(),
              AllOf(StartsWith(".TH \"COMPILER_GYM\\-EXAMPLE\\-SERVICE\" 1 "),
                    HasSubstr("The example service: ")));
}

TEST_F(CommandLineTest, VersionPrintsWhatGetVersionAnswers) {
  run(kExampleService, {"--version"});
  EXPECT_EQ(service->wait(), 0);
  const std::string printed = service->stdout_text();
  EXPECT_THAT(printed, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"));

  serve(kExampleService);
  const Result<GetVersionReply> answered = connect().get_version();
  ASSERT_TRUE(answered) << outcome(answered);
  EXPECT_EQ(answered->service_version() + "\n", printed);
}

// ---------------------------------------------------------------------------------- how it is said

struct GoodArguments {
  const char* name;
  std::vector<std::string> arguments;  // DIR stands for the working directory
};

class GoodArgumentsTest : public CommandLineTest,
                          public ::testing::WithParamInterface<GoodArguments> {};

TEST_P(GoodArgumentsTest, AreServed) {
  std::vector<std::string> arguments = GetParam().arguments;
  for (std::string& argument : arguments) {
    if (const auto at = argument.find("DIR"); at != std::string::npos) {
      argument.replace(at, 3, working_dir().string());
    }
  }
  run(kExampleService, arguments);
  wait_until_serving(working_dir());
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
  EXPECT_EQ(stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    , GoodArgumentsTest,
    ::testing::Values(
        GoodArguments{"OneArgumentPerFlag", {"--working_dir=DIR", "--port=0"}},
        GoodArguments{"TwoArgumentsPerFlag", {"--working_dir", "DIR", "--port", "0"}},
        GoodArguments{"OneDash", {"-working_dir=DIR", "-port", "0"}},
        GoodArguments{"AsTheClientDebugs",
                      {"--working_dir=DIR", "--alsologtostderr", "-v=4", "--logbuflevel=-1"}},
        GoodArguments{"DebugFlagsFirst",
                      {"--logbuflevel=-1", "-v=0", "--alsologtostderr", "--working_dir=DIR"}},
        GoodArguments{"ServiceArgsOfTheEnvironment",
                      {"--working_dir=DIR", "--alsologtostderr", "-v=1", "--logbuflevel=-1",
                       "--drain_grace=5"}},
        GoodArguments{"SwitchWithValue", {"--alsologtostderr=false", "--working_dir=DIR"}},
        GoodArguments{"TheLastOneCounts", {"--working_dir=/proc/no", "--working_dir=DIR"}},
        GoodArguments{
            "EveryLimit",
            {"--working_dir=DIR", "--workers=1", "--max_sessions=1", "--max_queued_steps=1",
             "--max_requests_in_flight=1", "--max_bytes_in_flight=1", "--max_message_size=1000",
             "--max_grpc_memory=100000000", "--max_benchmark_cache_bytes=0", "--drain_grace=0",
             "--max_unread_bytes=1", "--max_reply_size=1000", "--max_templates=1",
             "--max_running=1", "--session_ttl=1"}}),
    [](const auto& row) { return row.param.name; });

TEST_F(CommandLineTest, LogsGoToStderrOnlyWhenAskedFor) {
  serve(kExampleService);
  wait_for_log("serving on 127.0.0.1:");
  EXPECT_EQ(stop(), 0);
  EXPECT_THAT(service->stderr_text(), IsEmpty());

  serve(kExampleService, {"--alsologtostderr"});
  EXPECT_EQ(stop(), 0);
  EXPECT_THAT(service->stderr_text(), HasSubstr("context init"));
}

TEST_F(CommandLineTest, VerboseLogsHaveALinePerRequest) {
  serve(kExampleService);
  EXPECT_EQ(outcome(connect().step(15, {0})), "NOT_FOUND: Session not found: 15");
  EXPECT_EQ(stop(), 0);
  EXPECT_THAT(logs(), Not(HasSubstr("Session not found")));

  serve(kExampleService, {"-v=1", "--logbuflevel=-1"});
  EXPECT_EQ(outcome(connect().step(15, {0})), "NOT_FOUND: Session not found: 15");
  wait_for_log("Step session 15: NOT_FOUND: Session not found: 15 after ");
}

TEST_F(CommandLineTest, TheBoundsOfItsMemoryAreLogged) {
  serve(kExampleService, {"--memory_budget=1G", "--max_unread_bytes=70M", "--logbuflevel=-1"});
  wait_for_log(
      "requests in flight 208M, unread replies 70M, gRPC 208M, benchmark cache 128M, state graph "
      "128M, templates 5, idle sandbox processes 128M, sessions' compilers 1G, each sandbox "
      "process 1G, one reply 104M");
  EXPECT_THAT(logs(), HasSubstr("memory budget 1G of "));
}

TEST_F(CommandLineTest, LimitsAreThoseOfTheFlags) {
  serve(kExampleService, {"--max_sessions=1"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(outcome(client.start_session()),
            "RESOURCE_EXHAUSTED: 1 sessions are open or starting, the limit is 1");
}

}  // namespace
}  // namespace compiler_gym::testing

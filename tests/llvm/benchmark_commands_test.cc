#include "sessions/llvm/run/benchmark_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem.hpp>
#include <fstream>
#include <stop_token>
#include <string>

#include "sessions/llvm/run/clang_path.h"
#include "sessions/llvm/run/scratch_directory.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Command shell(const std::string& line) {
  Command command;
  command.add_argument(line);
  return command;
}

class BenchmarkCommandsTest : public ::testing::Test {
 protected:
  grpc::Status run(const Command& command) const {
    const auto result = run_command(command, setting_, std::stop_token());
    return result ? grpc::Status::OK : result.error();
  }

  const ScratchDirectory scratch_ =
      value_of(ScratchDirectory::create(boost::filesystem::temp_directory_path()));
  const CommandSetting setting_{scratch_.path(), "/path/of/clang"};
};

TEST_F(BenchmarkCommandsTest, AreGivenCompilerAndInput) {
  EXPECT_TRUE(run(shell("test \"$CC\" = /path/of/clang")).ok());
  EXPECT_TRUE(run(shell("test \"$IN\" = '" + (scratch_.path() / "out.bc").string() + "'")).ok());
}

// Commands write $CC and $IN without quotes, and mean one word.
TEST_F(BenchmarkCommandsTest, PathsThatTheShellWouldTakeApartAreOneWord) {
  for (const char* name : {"with space", "a'b \"c\"", "$HOME *", "tab\there", "\xC3\xA4 [x]"}) {
    const boost::filesystem::path directory = scratch_.path() / name;
    boost::filesystem::create_directories(directory);
    const boost::filesystem::path clang = directory / "my clang";
    std::ofstream(clang.string()) << "#!/bin/sh\nfor a; do echo \"<$a>\" >>arguments; cat \"$a\" "
                                     ">>arguments; done\n";
    boost::filesystem::permissions(clang, boost::filesystem::owner_all);
    const CommandSetting setting{directory, clang.string()};
    for (int i = 0; i < 2; ++i) {
      const auto built =
          build_program(shell("rm -f arguments; $CC $IN"), "bitcode", setting, std::stop_token());
      ASSERT_TRUE(built.has_value()) << name << ": " << to_string(built.error());
      EXPECT_EQ(read_file((directory / "arguments").string()), "<out.bc>\nbitcode") << name;
    }
  }
}

TEST_F(BenchmarkCommandsTest, AProgramInADirectoryWithSpacesIsBuiltByClang) {
  const boost::filesystem::path directory = scratch_.path() / "my service";
  boost::filesystem::create_directories(directory);
  ClangPath path;
  const CommandSetting setting{directory, value_of(path.get())};
  const auto built = build_program(shell("$CC $IN -c -o program.o"), crc32_start_bitcode(), setting,
                                   std::stop_token());
  ASSERT_TRUE(built.has_value()) << to_string(built.error());
  EXPECT_TRUE(boost::filesystem::exists(directory / "program.o"));
}

TEST_F(BenchmarkCommandsTest, ArgumentsAreOneLineForTheShell) {
  Command command = shell("echo");
  command.add_argument("1");
  command.add_argument(">_finfo_dataset");
  EXPECT_EQ(command_line(command), "echo 1 >_finfo_dataset");
  command.add_outfile("_finfo_dataset");
  EXPECT_TRUE(run(command).ok());
}

TEST_F(BenchmarkCommandsTest, EnvironmentOfTheCommandIsAdded) {
  Command command = shell("test \"$SIZE/$CC\" = large/mine");
  (*command.mutable_env())["SIZE"] = "large";
  (*command.mutable_env())["CC"] = "mine";
  EXPECT_FALSE(run(command).ok()) << "CC is not the command's to say";
  command.set_argument(0, "test \"$SIZE\" = large");
  EXPECT_TRUE(run(command).ok());
}

TEST_F(BenchmarkCommandsTest, FailureHasTheStatusAndTheErrorOutput) {
  const grpc::Status status = run(shell("echo what went wrong >&2; exit 3"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(
      status.error_message(),
      "Command 'echo what went wrong >&2; exit 3' failed with exit code 3: what went wrong\n");
  EXPECT_EQ(run(shell("exit 3")).error_message(), "Command 'exit 3' failed with exit code 3");
  EXPECT_EQ(run(shell("kill -ABRT $$")).error_message(),
            "Command 'kill -ABRT $$' was killed by signal 6");
}

TEST_F(BenchmarkCommandsTest, TimeoutIsDeadlineExceeded) {
  Command command = shell("sleep 600");
  command.set_timeout_seconds(1);
  const grpc::Status status = run(command);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(status.error_message(), "Command 'sleep 600' failed to complete within 1 seconds");
}

TEST_F(BenchmarkCommandsTest, StopIsCancelled) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(run_command(shell("sleep 600"), setting_, stop.get_token()).error().error_code(),
            grpc::StatusCode::CANCELLED);
}

TEST_F(BenchmarkCommandsTest, FilesAreChecked) {
  Command needs = shell("true");
  needs.add_infile("input");
  EXPECT_EQ(run(needs).error_message(), "Command 'true' missing required file: input");
  Command makes = shell("true");
  makes.add_outfile("output");
  EXPECT_EQ(run(makes).error_message(), "Command 'true' did not produce expected file: output");
  makes.set_argument(0, "echo >output");
  EXPECT_TRUE(run(makes).ok());
  Command absolute = shell("true");
  absolute.add_infile("/bin/sh");
  EXPECT_TRUE(run(absolute).ok());
}

TEST_F(BenchmarkCommandsTest, BuildableAndRunnableAreWhatHasCommands) {
  BenchmarkDynamicConfig config;
  EXPECT_FALSE(is_buildable(config));
  *config.mutable_run_cmd() = shell("./a.out");
  EXPECT_FALSE(is_buildable(config));
  EXPECT_FALSE(is_runnable(config));
  *config.mutable_build_cmd() = shell("$CC $IN");
  EXPECT_TRUE(is_buildable(config));
  EXPECT_TRUE(is_runnable(config));
  config.clear_run_cmd();
  EXPECT_FALSE(is_runnable(config));
}

TEST_F(BenchmarkCommandsTest, CompileOnlySaysWhereTo) {
  Command command;
  command.add_argument("$CC");
  command.add_argument("$IN");
  EXPECT_EQ(command_line(compile_only(command)), "$CC $IN -o a.out -c");
  EXPECT_THAT(compile_only(command).outfile(), ElementsAre("a.out"));
  command.add_outfile("program");
  EXPECT_EQ(command_line(compile_only(command)), "$CC $IN -o program -c");
  command.add_argument("-o");
  command.add_argument("program");
  EXPECT_EQ(command_line(compile_only(command)), "$CC $IN -o program -c");
}

TEST_F(BenchmarkCommandsTest, BuildWritesTheBitcodeFirst) {
  Command command = shell("cp $IN built");
  command.add_infile("out.bc");
  command.add_outfile("built");
  EXPECT_TRUE(build_program(command, "bitcode", setting_, std::stop_token()).has_value());
  EXPECT_EQ(read_file((scratch_.path() / "built").string()), "bitcode");
}

TEST(ScratchDirectoryTest, GoesWithAllThatIsInIt) {
  boost::filesystem::path path;
  {
    const ScratchDirectory scratch =
        value_of(ScratchDirectory::create(boost::filesystem::temp_directory_path()));
    path = scratch.path();
    boost::filesystem::create_directories(path / "a" / "b");
    EXPECT_TRUE(path.is_absolute());
  }
  EXPECT_FALSE(boost::filesystem::exists(path));
}

TEST(ScratchDirectoryTest, MovedFromLeavesItToTheOther) {
  ScratchDirectory first =
      value_of(ScratchDirectory::create(boost::filesystem::temp_directory_path()));
  const boost::filesystem::path path = first.path();
  {
    const ScratchDirectory second = std::move(first);
    EXPECT_TRUE(boost::filesystem::exists(path));
  }
  EXPECT_FALSE(boost::filesystem::exists(path));
}

TEST(ScratchDirectoryTest, ImpossibleParentIsAnError) {
  const grpc::Status status = ScratchDirectory::create("/dev/null/below").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to make a scratch directory in "));
}

class ClangPathTest : public ::testing::Test {
 protected:
  boost::filesystem::path script(const std::string& name, const std::string& body) const {
    const boost::filesystem::path path = scratch_.path() / name;
    std::ofstream(path.string()) << "#!/bin/sh\n" << body << "\n";
    boost::filesystem::permissions(path, boost::filesystem::owner_all);
    return path;
  }

  const ScratchDirectory scratch_ =
      value_of(ScratchDirectory::create(boost::filesystem::temp_directory_path()));
};

TEST_F(ClangPathTest, TheOneOfThisLlvmWillDo) {
  EXPECT_TRUE(ClangPath().get().has_value()) << to_string(ClangPath().get().error());
}

TEST_F(ClangPathTest, OneThatCantReadOurBitcodeIsPassedOver) {
  const auto old = script("old", "echo 'clang version 10.0.0 '");
  const auto fit = script("fit", "echo 'Debian clang version 19.1.7 (3)'");
  const auto newer = script("newer", "echo 'clang version 21.0.0'");
  EXPECT_EQ(value_of(ClangPath({old, fit, newer}).get()), fit.string());
  EXPECT_EQ(value_of(ClangPath({newer, fit}).get()), newer.string());
}

TEST_F(ClangPathTest, IsAskedOnce) {
  const auto counting = script(
      "counting", "echo x >>" + scratch_.path().string() + "/asked; echo 'clang version 19.1.7'");
  ClangPath clang({counting});
  EXPECT_EQ(value_of(clang.get()), counting.string());
  EXPECT_EQ(value_of(clang.get()), counting.string());
  EXPECT_EQ(read_file((scratch_.path() / "asked").string()), "x\n");
}

TEST_F(ClangPathTest, WithoutOneTheReasonsAreTold) {
  const auto old = script("old", "echo 'clang version 10.0.0 '");
  const auto mute = script("mute", "exit 1");
  const grpc::Status status = ClangPath({scratch_.path() / "missing", old, mute}).get().error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("missing can't be run"));
  EXPECT_THAT(status.error_message(), HasSubstr("old is version 10"));
  EXPECT_THAT(status.error_message(), HasSubstr("mute does not tell its version"));
}

}  // namespace
}  // namespace compiler_gym

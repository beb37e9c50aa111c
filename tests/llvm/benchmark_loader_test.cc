#include "sessions/llvm/benchmarks/benchmark_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/Module.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/filesystem.hpp>
#include <fstream>
#include <string>

#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/run/program_file.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(FileUriTest, CutsOffEightCharacters) {
  EXPECT_EQ(value_of(path_from_file_uri("file:////tmp/program.bc")), "/tmp/program.bc");
  for (const char* relative : {"file:///program.bc", "file:///tmp/program.bc", "file:///"}) {
    EXPECT_THAT(to_string(path_from_file_uri(relative).error()),
                ::testing::StartsWith("INVALID_ARGUMENT: Invalid benchmark data URI. The path that "
                                      "follows file:/// must be absolute, as in \"file:////"));
  }
}

TEST(FileUriTest, RefusesOtherSchemes) {
  const grpc::Status status = path_from_file_uri("https://invalid/scheme").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "Invalid benchmark data URI. Only the file:/// scheme is supported: "
            "\"https://invalid/scheme\"");
}

class ProgramFileTest : public ::testing::Test {
 protected:
  ProgramFileTest() { boost::filesystem::create_directories(directory_); }
  ~ProgramFileTest() override { boost::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  const boost::filesystem::path directory_ =
      boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
};

TEST_F(ProgramFileTest, IsReadWhole) {
  EXPECT_EQ(value_of(read_program_file(crc32_path())), crc32_bitcode());
}

TEST_F(ProgramFileTest, MissingIsNotFound) {
  const grpc::Status status = read_program_file(path("missing.bc")).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "File not found: \"" + path("missing.bc") + "\"");
}

TEST_F(ProgramFileTest, EmptyIsInvalid) {
  const std::ofstream file(path("empty.bc"));
  const grpc::Status status = read_program_file(path("empty.bc")).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "File is empty: \"" + path("empty.bc") + "\"");
}

TEST_F(ProgramFileTest, DirectoryIsInvalid) {
  const grpc::Status status = read_program_file(directory_.string()).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("Error reading file: \""));
}

TEST_F(ProgramFileTest, PipeIsRefusedRatherThanWaitedFor) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const grpc::Status status = read_program_file(path("pipe")).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("Error reading file: \""));
}

// As long as it lives, no descriptor can be had.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{0, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ProgramFileTest, AWantOfDescriptorsIsNotTheFilesFault) {
  const std::string file = path("program.bc");
  std::ofstream(file) << "program";
  const BenchmarkRoots roots = value_of(BenchmarkRoots::resolve({directory_}));
  for (const BenchmarkRoots& where : {BenchmarkRoots(), roots}) {
    const Result<std::string> read = [&] {
      const NoDescriptors none;
      return read_program_file(file, where);
    }();
    ASSERT_FALSE(read);
    EXPECT_EQ(to_string(read.error()),
              "RESOURCE_EXHAUSTED: Error reading file: \"" + file + "\": Too many open files");
    EXPECT_EQ(value_of(read_program_file(file, where)), "program");
  }
}

// ------------------------------------------------------------------------------------------- roots

class BenchmarkRootTest : public ProgramFileTest {
 protected:
  BenchmarkRootTest() {
    boost::filesystem::create_directories(directory_ / "root/sub");
    boost::filesystem::create_directories(directory_ / "root-not");
    for (const char* file : {"root/sub/program.bc", "root-not/program.bc"}) {
      std::ofstream(path(file)) << file;
    }
    roots_ = value_of(BenchmarkRoots::resolve({directory_ / "root"}));
  }

  /// The content, or the error with what is in front of the path.
  std::string read(const std::string& name) const {
    const Result<std::string> bytes = read_program_file(path(name), roots_);
    return bytes ? *bytes : to_string(bytes.error());
  }
  std::string outside(const std::string& name) const {
    return "INVALID_ARGUMENT: File is outside of the benchmark roots " + roots_.to_string() +
           ": \"" + path(name) + "\"";
  }
  void link(const std::string& name, const std::string& target) const {
    boost::filesystem::create_symlink(target, directory_ / name);
  }

  BenchmarkRoots roots_;
};

TEST_F(BenchmarkRootTest, FilesInsideAreRead) {
  EXPECT_EQ(read("root/sub/program.bc"), "root/sub/program.bc");
  EXPECT_EQ(read("root/sub/../sub/./program.bc"), "root/sub/program.bc");
  EXPECT_EQ(read("root/missing.bc"),
            "NOT_FOUND: File not found: \"" + path("root/missing.bc") + "\"");
}

TEST_F(BenchmarkRootTest, FilesOutsideAreRefusedWhetherOrNotTheyExist) {
  for (const char* name : {"root-not/program.bc", "root-not/missing.bc", "missing/program.bc",
                           "root/../root-not/program.bc", "root-not/program.bc/below"}) {
    EXPECT_EQ(read(name), outside(name));
  }
}

TEST_F(BenchmarkRootTest, LinksCountAsWhatTheyLeadTo) {
  link("root/out.bc", path("root-not/program.bc"));
  link("root/out", "../root-not");
  link("in.bc", "root/sub/program.bc");
  EXPECT_EQ(read("root/out.bc"), outside("root/out.bc"));
  EXPECT_EQ(read("root/out/program.bc"), outside("root/out/program.bc"));
  EXPECT_EQ(read("root/out/missing.bc"), outside("root/out/missing.bc"));
  EXPECT_EQ(read("in.bc"), "root/sub/program.bc");
}

TEST_F(BenchmarkRootTest, WhatIsNoFileIsRefusedAsEver) {
  EXPECT_EQ(read("root/sub"), "INVALID_ARGUMENT: Error reading file: \"" + path("root/sub") +
                                  "\": not a regular file");
}

class LoadProgramTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }

  static std::string producer(const std::string& bitcode) {
    return llvm::cantFail(llvm::getBitcodeProducerString(llvm::MemoryBufferRef(bitcode, "-")));
  }
};

TEST_F(LoadProgramTest, TakesNamesAndMetadataAway) {
  const IrModule module = parse_module(start_bitcode_of(crc32_bitcode()));
  const std::string text = ir_text(*module);
  EXPECT_THAT(text, StartsWith("; ModuleID = '-'\nsource_filename = \"-\"\n"));
  EXPECT_TRUE(module->named_metadata_empty());
  EXPECT_THAT(text, Not(HasSubstr("llvm.ident")));
}

TEST_F(LoadProgramTest, TakesDebugInformationAway) {
  const std::string bitcode = bitcode_with_debug_info();
  const LoadedProgram program = value_of(load_program(bitcode, "uri"));
  EXPECT_FALSE(program.module.has_value());
  EXPECT_THAT(bitcode, HasSubstr("secret.c"));
  EXPECT_THAT(program.bitcode, Not(HasSubstr("secret.c")));
  const std::string text = ir_text(*value_of(parse_program(program.bitcode)));
  EXPECT_THAT(text, Not(HasSubstr("!dbg")));
  EXPECT_THAT(text, Not(HasSubstr("secret.c")));
  EXPECT_THAT(text, Not(HasSubstr("wchar_size")));
}

TEST_F(LoadProgramTest, KeepsBitcodeThatSessionsCanStartFrom) {
  for (const std::string& name : module_names()) {
    const std::string& bitcode = start_bitcode(name);
    const LoadedProgram program = value_of(load_program(bitcode, "uri"));
    EXPECT_TRUE(program.bitcode == bitcode) << name;
    ASSERT_TRUE(program.module.has_value()) << name;
    EXPECT_EQ(ir_sha1(**program.module), ir_sha1(*value_of(parse_program(bitcode)))) << name;
  }
}

TEST_F(LoadProgramTest, WritesAnOlderLlvmsBitcodeAnew) {
  const LoadedProgram program = value_of(load_program(crc32_bitcode(), "uri"));
  EXPECT_THAT(producer(crc32_bitcode()), StartsWith("LLVM10."));
  EXPECT_THAT(producer(program.bitcode), StartsWith("LLVM19."));
  EXPECT_FALSE(program.module.has_value());
}

TEST_F(LoadProgramTest, RefusesWhatIsNotBitcode) {
  for (const std::string bytes : {"", "Invalid bitcode", "BC\xC0\xDE",
                                  "\x7f"
                                  "ELF"}) {
    const grpc::Status status = load_program(bytes, "benchmark://new").error();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(),
                StartsWith("Failed to parse LLVM bitcode: \"benchmark://new\": "));
  }
}

TEST_F(LoadProgramTest, SaysWhatWouldReadANewerLlvmsBitcode) {
  const grpc::Status status =
      load_program(read_file(COMPILER_GYM_TEST_DATA "/written_by_llvm20.bc"), "benchmark://new")
          .error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(
      status.error_message(),
      StartsWith("Failed to parse LLVM bitcode: \"benchmark://new\": Unknown attribute kind "
                 "(102) (Producer: 'LLVM20.1.8' Reader: 'LLVM 19.1."));
  EXPECT_THAT(status.error_message(), HasSubstr("compile the program with clang-19"));
}

TEST_F(LoadProgramTest, SurvivesDamagedBitcode) {
  // One bit of every 61st byte, in turn: some of these crash LLVM's reader.
  for (std::size_t at = 0; at < crc32_bitcode().size(); at += 61) {
    std::string damaged = crc32_bitcode();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    const Result<LoadedProgram> result = load_program(damaged, "damaged");
    if (!result) {
      EXPECT_TRUE(result.error().error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
                  result.error().error_code() == grpc::StatusCode::DATA_LOSS)
          << at << ": " << to_string(result.error());
    }
  }
}

TEST_F(LoadProgramTest, RefusesAModuleThatBreaksTheRules) {
  // The reader does not look at attributes' places, the verifier does.
  const std::string bitcode = assemble(R"(
    define void @f() {
      ret void
    }
    define i32 @g(i32 %x) {
      ret i32 %x
    }
  )");
  IrModule module = parse_module(bitcode);
  module->getFunction("g")->addFnAttr(llvm::Attribute::ZExt);
  const grpc::Status status = load_program(write_bitcode(*module), "uri").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to verify module: "));
}

}  // namespace
}  // namespace compiler_gym

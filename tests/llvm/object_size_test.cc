#include "sessions/llvm/costs/object_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <array>
#include <boost/filesystem.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/target_machines.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using ::testing::StartsWith;

const std::string kTools = COMPILER_GYM_LLVM_TOOLS;

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (pipe == nullptr) {
    throw std::runtime_error("cannot run " + command);
  }
  std::string output;
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
    output += buffer.data();
  }
  return output;
}

class ObjectSizeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }

  ObjectSizeTest() { boost::filesystem::create_directories(directory_); }
  ~ObjectSizeTest() override { boost::filesystem::remove_all(directory_); }

  std::string path(const char* name) const { return (directory_ / name).string(); }

  // First column of the second line.
  static std::int64_t llvm_size(const std::string& file) {
    const std::string output = output_of(kTools + "/llvm-size " + file);
    const std::size_t second_line = output.find('\n');
    EXPECT_NE(second_line, std::string::npos) << output;
    return std::strtoll(output.c_str() + second_line, nullptr, 10);
  }

  std::int64_t size_by_tools(const std::string& bitcode, const std::string& flags = "-c") {
    std::ofstream(path("in.bc"), std::ios::binary) << bitcode;
    EXPECT_EQ(output_of(kTools + "/clang -w " + flags + " -xir " + path("in.bc") + " -o " +
                        path("out") + " -lm 2>&1"),
              "");
    return llvm_size(path("out"));
  }

  const boost::filesystem::path directory_ =
      boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
};

class ObjectSizeOfModuleTest : public ObjectSizeTest,
                               public ::testing::WithParamInterface<std::string> {};

TEST_P(ObjectSizeOfModuleTest, EqualsClangAndLlvmSize) {
  for (const char* pipeline : {"no-op-module", "default<Oz>", "default<O3>"}) {
    const IrModule module = parse_module(start_bitcode(GetParam()));
    ASSERT_TRUE(run_pipeline(*module, nullptr, pipeline).has_value());
    const std::string bitcode = write_bitcode(*module);
    EXPECT_EQ(value_of(object_text_size(bitcode, *machines_)), size_by_tools(bitcode)) << pipeline;
  }
}

INSTANTIATE_TEST_SUITE_P(Modules, ObjectSizeOfModuleTest, ::testing::ValuesIn(module_names()),
                         [](const auto& instance) { return instance.param; });

TEST_F(ObjectSizeTest, OfAnExecutableEqualsLlvmSize) {
  const std::int64_t expected = size_by_tools(crc32_start_bitcode(), "");
  EXPECT_EQ(value_of(elf_text_size(read_file(path("out")))), expected);
  EXPECT_GT(expected, value_of(object_text_size(crc32_start_bitcode(), *machines_)));
}

TEST_F(ObjectSizeTest, InlinesWhatHasToBeInlined) {
  const std::string bitcode = assemble(R"(
    target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
    target triple = "x86_64-pc-linux-gnu"
    define internal i64 @square(i64 %x) alwaysinline {
      %r = mul i64 %x, %x
      ret i64 %r
    }
    define i64 @f(i64 %x) {
      %a = call i64 @square(i64 %x)
      %b = call i64 @square(i64 %a)
      ret i64 %b
    }
  )");
  EXPECT_EQ(value_of(object_text_size(bitcode, *machines_)), size_by_tools(bitcode));
}

TEST_F(ObjectSizeTest, OfAModuleWithoutTargetIsThatOfOurs) {
  EXPECT_GT(value_of(object_text_size(assemble("define void @f() { ret void }"), *machines_)), 0);
}

// As Julia writes it: with address spaces whose pointers are not numbers, and no word of i128.
constexpr const char* kFromJulia = R"(
  target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-f80:128-n8:16:32:64-S128-ni:10:11:12:13"
  target triple = "x86_64-unknown-linux-gnu"
  define i128 @total(ptr addrspace(11) %v, i64 %n) {
  top:
    br label %loop
  loop:
    %i = phi i64 [ 0, %top ], [ %i1, %loop ]
    %s = phi i128 [ 0, %top ], [ %s1, %loop ]
    %p = getelementptr inbounds i128, ptr addrspace(11) %v, i64 %i
    %x = load i128, ptr addrspace(11) %p, align 16
    %s1 = add i128 %s, %x
    %i1 = add nuw nsw i64 %i, 1
    %c = icmp ult i64 %i1, %n
    br i1 %c, label %loop, label %out
  out:
    ret i128 %s1
  }
)";

TEST_F(ObjectSizeTest, OfAnOlderOrWiderDataLayoutIsWhatClangGives) {
  const std::string old = read_file(COMPILER_GYM_TEST_DATA "/written_by_llvm14.bc");
  for (const std::string& bitcode : {assemble(kFromJulia), start_bitcode_of(old)}) {
    EXPECT_EQ(value_of(object_text_size(bitcode, *machines_)), size_by_tools(bitcode));
  }
}

TEST_F(ObjectSizeTest, OfAnotherDataLayoutIsRefused) {
  const grpc::Status status =
      object_text_size(assemble("target datalayout = \"E-p:32:32\"\ndefine void @f() { ret void }"),
                       *machines_)
          .error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to compute .text size cost: "));
}

TEST_F(ObjectSizeTest, WhatTheCodeGeneratorRefusesIsAnError) {
  for (const char* body : {"call void asm \"no such instruction\", \"\"()\n ret void",
                           "%x = call i32 asm \"\", \"={no_such_register}\"()\n ret void"}) {
    const grpc::Status status =
        object_text_size(assemble("define void @f() {\n" + std::string(body) + "\n}"), *machines_)
            .error();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << body;
    EXPECT_THAT(status.error_message(), StartsWith("Failed to compute .text size cost: "));
  }
}

TEST_F(ObjectSizeTest, SurvivesTheCodeGeneratorsCrash) {
  // No such intrinsic on this target: a fatal error.
  const std::string bitcode = assemble(R"(
    declare i32 @llvm.amdgcn.workitem.id.x()
    define i32 @f() {
      %x = call i32 @llvm.amdgcn.workitem.id.x()
      ret i32 %x
    }
  )");
  const grpc::Status status = object_text_size(bitcode, *machines_).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              StartsWith("Failed to compute .text size cost: the code generator crashed: "));
  EXPECT_GT(value_of(object_text_size(crc32_start_bitcode(), *machines_)), 0);
}

TEST_F(ObjectSizeTest, OfWhatIsNoObjectFileIsAnError) {
  for (const std::string file : {"", "#!/bin/sh\n",
                                 "\x7f"
                                 "ELF"}) {
    EXPECT_THAT(elf_text_size(file).error().error_message(),
                StartsWith("Failed to compute .text size cost: not an object file: "));
  }
}

}  // namespace
}  // namespace compiler_gym

#include "sessions/llvm/observations/observation_spaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const ObservationSpace& space(std::string_view name) {
  static const std::vector<ObservationSpace> spaces = llvm_observation_spaces();
  return spaces.at(static_cast<std::size_t>(find_llvm_observation(name).value()));
}

TEST(ObservationSpacesTest, AreCompilerGymsInItsOrder) {
  std::vector<std::string> names;
  for (const ObservationSpace& each : llvm_observation_spaces()) {
    names.push_back(each.name());
  }
  EXPECT_THAT(names, ElementsAre("Ir", "IrSha1", "Bitcode", "BitcodeFile", "InstCount", "Autophase",
                                 "Programl", "ProgramlJson", "CpuInfo", "IrInstructionCount",
                                 "IrInstructionCountO0", "IrInstructionCountO3",
                                 "IrInstructionCountOz", "ObjectTextSizeBytes", "ObjectTextSizeO0",
                                 "ObjectTextSizeO3", "ObjectTextSizeOz", "TextSizeBytes",
                                 "TextSizeO0", "TextSizeO3", "TextSizeOz", "IsBuildable",
                                 "IsRunnable", "Runtime", "Buildtime", "LexedIr"));
}

TEST(ObservationSpacesTest, ThoseOfThisServiceComeAfterCompilerGymsIfWanted) {
  const std::vector<ObservationSpace> upstream = llvm_observation_spaces();
  const std::vector<ObservationSpace> all = llvm_observation_spaces(ObservationList::kAll);
  ASSERT_GT(all.size(), upstream.size());
  for (std::size_t i = 0; i < upstream.size(); ++i) {
    EXPECT_EQ(all[i].SerializeAsString(), upstream[i].SerializeAsString()) << upstream[i].name();
  }
  std::vector<std::string> further;
  for (std::size_t i = upstream.size(); i < all.size(); ++i) {
    further.push_back(all[i].name());
    EXPECT_TRUE(all[i].platform_dependent()) << further.back();
    const bool runs_a_program =
        further.back() == "Validation" || further.back() == "RuntimeMeasurement";
    EXPECT_EQ(all[i].deterministic(), !runs_a_program) << further.back();
    EXPECT_EQ(find_llvm_observation(further.back()), static_cast<LlvmObservation>(i));
  }
  EXPECT_THAT(further, ElementsAre("ShippedTextSizeBytes", "ShippedTextSizeO2", "ShippedTextSizeOs",
                                   "ShippedTextSizeOz", "Validation", "RuntimeMeasurement"));
}

TEST(ObservationSpacesTest, AreFoundByName) {
  EXPECT_EQ(find_llvm_observation("Ir"), LlvmObservation::kIr);
  EXPECT_EQ(find_llvm_observation("LexedIr"), LlvmObservation::kLexedIr);
  EXPECT_EQ(find_llvm_observation("ir"), std::nullopt);
}

TEST(ObservationSpacesTest, VaryOrDependOnThePlatformAsDocumented) {
  std::set<std::string> varying;
  std::set<std::string> of_platform;
  for (const ObservationSpace& each : llvm_observation_spaces()) {
    if (!each.deterministic()) {
      varying.insert(each.name());
    }
    if (each.platform_dependent()) {
      of_platform.insert(each.name());
    }
  }
  EXPECT_THAT(varying, UnorderedElementsAre("BitcodeFile", "Runtime", "Buildtime"));
  EXPECT_THAT(
      of_platform,
      UnorderedElementsAre("CpuInfo", "ObjectTextSizeBytes", "ObjectTextSizeO0", "ObjectTextSizeO3",
                           "ObjectTextSizeOz", "TextSizeBytes", "TextSizeO0", "TextSizeO3",
                           "TextSizeOz", "IsBuildable", "IsRunnable", "Runtime", "Buildtime"));
}

TEST(ObservationSpacesTest, NoSpaceNamesATypeThatClientsMightNotKnow) {
  for (const ObservationSpace& each : llvm_observation_spaces()) {
    EXPECT_FALSE(each.space().has_type_id()) << each.name();
    EXPECT_NE(each.space().value_case(), Space::VALUE_NOT_SET) << each.name();
  }
}

// An absent end of a range is infinite, so that a 0 has to be there.
void expect_from_zero(const Int64Range& range, const char* name) {
  EXPECT_EQ(range.optional_min_case(), Int64Range::kMin) << name;
  EXPECT_EQ(range.min(), 0) << name;
  EXPECT_EQ(range.optional_max_case(), Int64Range::OPTIONAL_MAX_NOT_SET) << name;
}

TEST(ObservationSpacesTest, TextsHaveTheirLengths) {
  for (const char* name : {"Ir", "Programl", "ProgramlJson", "CpuInfo", "LexedIr"}) {
    expect_from_zero(space(name).space().string_value().length_range(), name);
  }
  EXPECT_EQ(space("IrSha1").space().string_value().length_range().min(), 40);
  EXPECT_EQ(space("IrSha1").space().string_value().length_range().max(), 40);
  const Int64Range& path = space("BitcodeFile").space().string_value().length_range();
  EXPECT_EQ(path.optional_min_case(), Int64Range::kMin);
  EXPECT_EQ(path.min(), 0);
  EXPECT_EQ(path.max(), 4096);
  ASSERT_TRUE(space("Bitcode").space().has_byte_sequence());
  expect_from_zero(space("Bitcode").space().byte_sequence().length_range(), "Bitcode");
}

TEST(ObservationSpacesTest, VectorsHaveShapesAndZeroDefaults) {
  for (const auto& [name, size] : {std::pair("InstCount", 70), std::pair("Autophase", 56)}) {
    const Int64Box& box = space(name).space().int64_box();
    const Int64Tensor& otherwise = space(name).default_observation().int64_tensor();
    for (const Int64Tensor* tensor : {&box.low(), &box.high(), &otherwise}) {
      ASSERT_THAT(tensor->shape(), ElementsAre(size)) << name;
      ASSERT_EQ(tensor->value_size(), size) << name;
    }
    EXPECT_THAT(box.low().value(), Each(0)) << name;
    EXPECT_THAT(box.high().value(), Each(std::numeric_limits<std::int64_t>::max())) << name;
    EXPECT_THAT(otherwise.value(), Each(0)) << name;
  }
}

TEST(ObservationSpacesTest, CostsStartAtZero) {
  for (const char* name :
       {"IrInstructionCount", "IrInstructionCountO0", "IrInstructionCountO3",
        "IrInstructionCountOz", "ObjectTextSizeBytes", "ObjectTextSizeO0", "ObjectTextSizeO3",
        "ObjectTextSizeOz", "TextSizeBytes", "TextSizeO0", "TextSizeO3", "TextSizeOz"}) {
    ASSERT_TRUE(space(name).space().has_int64_value()) << name;
    expect_from_zero(space(name).space().int64_value(), name);
    EXPECT_EQ(space(name).default_observation().value_case(), Event::kInt64Value) << name;
    EXPECT_EQ(space(name).default_observation().int64_value(), 0) << name;
  }
}

TEST(ObservationSpacesTest, TimesAndBooleansAreAsClientsKnowThem) {
  for (const char* name : {"Runtime", "Buildtime"}) {
    const DoubleSequenceSpace& sequence = space(name).space().double_sequence();
    expect_from_zero(sequence.length_range(), name);
    EXPECT_EQ(sequence.scalar_range().optional_min_case(), DoubleRange::kMin) << name;
    EXPECT_EQ(sequence.scalar_range().min(), 0) << name;
    EXPECT_EQ(space(name).default_observation().value_case(), Event::VALUE_NOT_SET) << name;
  }
  for (const char* name : {"IsBuildable", "IsRunnable"}) {
    EXPECT_TRUE(space(name).space().has_boolean_value()) << name;
    EXPECT_EQ(space(name).default_observation().value_case(), Event::kInt64Value) << name;
    EXPECT_EQ(space(name).default_observation().int64_value(), 0) << name;
  }
}

TEST(ObservationSpacesTest, OpaqueDefaultsAreOfFormatsClientsKnow) {
  const auto opaque = [](const char* name) {
    Opaque message;
    EXPECT_TRUE(space(name).default_observation().any_value().UnpackTo(&message)) << name;
    return message;
  };
  EXPECT_EQ(opaque("Programl").format(), "json://networkx/MultiDiGraph");
  EXPECT_EQ(opaque("ProgramlJson").format(), "json://");
  EXPECT_EQ(opaque("CpuInfo").format(), "json://");
  EXPECT_EQ(opaque("CpuInfo").data(), "{}");
}

}  // namespace
}  // namespace compiler_gym

// The list of RPCs is the .proto's, whole and in its order.
#include "proto/rpcs.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::ElementsAreArray;

struct Signature {
  std::string name;
  std::string request;
  std::string reply;

  bool operator==(const Signature&) const = default;
};

std::vector<Signature> listed() {
  std::vector<Signature> signatures;
  rpc::for_each(rpc::All(), [&]<typename Rpc>() {
    signatures.push_back({Rpc::kName, Rpc::Request::descriptor()->full_name(),
                          Rpc::Reply::descriptor()->full_name()});
  });
  return signatures;
}

TEST(RpcsTest, AreTheMethodsOfTheService) {
  const auto* const service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      CompilerGymService::service_full_name());
  ASSERT_NE(service, nullptr);
  std::vector<Signature> methods;
  for (int i = 0; i < service->method_count(); ++i) {
    const auto* const method = service->method(i);
    methods.push_back(
        {method->name(), method->input_type()->full_name(), method->output_type()->full_name()});
  }
  EXPECT_THAT(listed(), ElementsAreArray(methods));
}

TEST(RpcsTest, AreWhatARequestOfAStreamCanBe) {
  const auto* const oneof = StreamRequest::descriptor()->FindOneofByName("request");
  ASSERT_NE(oneof, nullptr);
  std::vector<std::string> requests;
  for (int i = 0; i < oneof->field_count(); ++i) {
    requests.push_back(oneof->field(i)->message_type()->full_name());
    EXPECT_TRUE(rpc::has_field(rpc::All(), oneof->field(i)->number()));
  }
  std::vector<std::string> expected;
  for (const Signature& signature : listed()) {
    expected.push_back(signature.request);
  }
  EXPECT_EQ(requests, expected);
}

}  // namespace
}  // namespace compiler_gym

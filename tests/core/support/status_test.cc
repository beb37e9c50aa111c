#include "core/support/status.h"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>

namespace compiler_gym {
namespace {

struct Row {
  const char* name;
  grpc::Status (*make)(const std::string&);
  grpc::StatusCode code;
};

class StatusTest : public ::testing::TestWithParam<Row> {};

TEST_P(StatusTest, HasItsCodeAndItsText) {
  const grpc::Status status = GetParam().make("Session not found: 3");
  EXPECT_EQ(status.error_code(), GetParam().code);
  EXPECT_EQ(status.error_message(), "Session not found: 3");
  EXPECT_EQ(to_string(status), std::string(GetParam().name) + ": Session not found: 3");
}

INSTANTIATE_TEST_SUITE_P(
    Codes, StatusTest,
    ::testing::Values(
        Row{"INVALID_ARGUMENT", &invalid_argument, grpc::StatusCode::INVALID_ARGUMENT},
        Row{"NOT_FOUND", &not_found, grpc::StatusCode::NOT_FOUND},
        Row{"FAILED_PRECONDITION", &failed_precondition, grpc::StatusCode::FAILED_PRECONDITION},
        Row{"RESOURCE_EXHAUSTED", &resource_exhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
        Row{"UNIMPLEMENTED", &unimplemented, grpc::StatusCode::UNIMPLEMENTED},
        Row{"INTERNAL", &internal_error, grpc::StatusCode::INTERNAL},
        Row{"UNAVAILABLE", &unavailable, grpc::StatusCode::UNAVAILABLE},
        Row{"CANCELLED", &cancelled, grpc::StatusCode::CANCELLED},
        Row{"DEADLINE_EXCEEDED", &deadline_exceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
        Row{"DATA_LOSS", &data_loss, grpc::StatusCode::DATA_LOSS}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(StatusToStringTest, OkIsOk) {
  EXPECT_EQ(to_string(grpc::Status::OK), "OK");
}

TEST(StatusToStringTest, NamesACodeItDoesNotKnow) {
  EXPECT_STREQ(to_string(static_cast<grpc::StatusCode>(77)), "UNRECOGNISED");
}

template <typename Exception>
grpc::Status status_of(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return status_from_current_exception();
  }
}

TEST(ShortageTest, IsOfEverythingThatCanBeUsedUpAndOfNothingElse) {
  const std::set<int> shortages{EAGAIN, ENOMEM, ENOBUFS, EMFILE, ENFILE, ENOSPC, EDQUOT, EFBIG};
  for (int error = 0; error < 134; ++error) {
    EXPECT_EQ(is_shortage(error), shortages.contains(error)) << std::strerror(error);
  }
}

TEST(StatusFromExceptionTest, AShortageOfTheMachineIsNobodysFault) {
  namespace bs = boost::system;
  for (const int error : {EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EDQUOT, EFBIG}) {
    for (const grpc::Status& status : {status_of(std::system_error(error, std::generic_category())),
                                       status_of(std::system_error(error, std::system_category())),
                                       status_of(bs::system_error(error, bs::system_category()))}) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << error;
    }
  }
  EXPECT_EQ(status_of(std::system_error(EPERM, std::generic_category())).error_code(),
            grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status_of(bs::system_error(EPERM, bs::system_category())).error_code(),
            grpc::StatusCode::INTERNAL);
}

TEST(StatusFromExceptionTest, IsInternalWithTheExceptionsWords) {
  const grpc::Status status = status_of(std::runtime_error("stack of bytes"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "Unhandled exception: stack of bytes");
}

TEST(StatusFromExceptionTest, AnAbortedOperationIsCancelled) {
  const boost::system::system_error aborted(boost::asio::error::operation_aborted);
  EXPECT_EQ(status_of(aborted).error_code(), grpc::StatusCode::CANCELLED);
  const boost::system::system_error other(boost::asio::error::broken_pipe);
  EXPECT_EQ(status_of(other).error_code(), grpc::StatusCode::INTERNAL);
}

TEST(StatusFromExceptionTest, SaysSoIfThereAreNoWords) {
  EXPECT_EQ(to_string(status_of(7)),
            "INTERNAL: Unhandled exception: not derived from std::exception");
}

TEST(ResultTest, HoldsAValueOrTheStatusThatSaysWhyThereIsNone) {
  const Result<int> value = 7;
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(*value, 7);

  const Result<int> error = not_found("Session not found: 3");
  ASSERT_TRUE(error.has_error());
  EXPECT_EQ(to_string(error.error()), "NOT_FOUND: Session not found: 3");
}

}  // namespace
}  // namespace compiler_gym

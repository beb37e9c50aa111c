#include "examples/counting_session.h"

#include <boost/asio/use_future.hpp>
#include <fstream>

#include "core/support/status.h"

namespace compiler_gym::example {
namespace {

constexpr const char* kFileName = "total.txt";

// 0 if the file is not there yet.
Result<std::int64_t> read_total(const boost::filesystem::path& path) {
  std::ifstream file(path.string());
  std::int64_t total = 0;
  if (file.is_open() && !(file >> total)) {
    return data_loss("no number in " + path.string());
  }
  return total;
}

grpc::Status write_total(const boost::filesystem::path& path, std::int64_t total) {
  std::ofstream file(path.string());
  file << total << '\n';
  file.close();
  return file ? grpc::Status::OK : internal_error("cannot write " + path.string());
}

}  // namespace

boost::asio::awaitable<grpc::Status> CountingContext::async_init(WorkerPool& workers) {
  auto read = [path = workingDirectory() / kFileName] { return read_total(path); };
  const Result<std::int64_t> total = co_await run_on(workers.executor(), std::move(read));
  if (!total) {
    co_return total.error();
  }
  total_ = *total;
  co_return grpc::Status::OK;
}

boost::asio::awaitable<grpc::Status> CountingContext::async_shutdown(WorkerPool& workers) {
  if (!total_) {
    co_return grpc::Status::OK;  // what init could not read is not to be overwritten
  }
  auto write = [path = workingDirectory() / kFileName, total = *total_] {
    return write_total(path, total);
  };
  co_return co_await run_on(workers.executor(), std::move(write));
}

std::int64_t CountingContext::add(std::int64_t actions) {
  return run([this, actions] { return *total_ += actions; }, boost::asio::use_future).get();
}

std::vector<ActionSpace> CountingSession::getActionSpaces() const {
  ActionSpace space;
  space.set_name("count");
  space.mutable_space()->mutable_named_discrete()->add_name("count");
  return {space};
}

std::vector<ObservationSpace> CountingSession::getObservationSpaces() const {
  ObservationSpace space;
  space.set_name("total");
  space.mutable_space()->mutable_int64_value()->set_min(0);
  return {space};
}

grpc::Status CountingSession::init(const ActionSpace& /*actionSpace*/,
                                   const Benchmark& /*benchmark*/) {
  return grpc::Status::OK;
}

grpc::Status CountingSession::applyAction(const Event& action, bool& /*endOfEpisode*/,
                                          std::optional<ActionSpace>& /*newActionSpace*/,
                                          bool& /*actionHadNoEffect*/) {
  if (!action.has_int64_value() || action.int64_value() != 0) {
    return invalid_argument("action outside [0, 1)");
  }
  context_.add(1);
  return grpc::Status::OK;
}

grpc::Status CountingSession::computeObservation(const ObservationSpace& /*observationSpace*/,
                                                 Event& observation) {
  observation.set_int64_value(context_.add(0));
  return grpc::Status::OK;
}

}  // namespace compiler_gym::example

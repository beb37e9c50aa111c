#include "tools/fuzz/fuzz_campaign.h"

#include <fmt/core.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "client/managed_service.h"
#include "core/support/clock.h"
#include "tools/fuzz/sequence_generator.h"
#include "tools/support/program_files.h"

namespace compiler_gym::fuzz {
namespace {

namespace fs = boost::filesystem;

class Campaign {
 public:
  Campaign(CompletionQueuePump& pump, FuzzOptions options,
           std::function<void(const FuzzReport&)> on_progress)
      : pump_(pump), options_(std::move(options)), on_progress_(std::move(on_progress)) {}

  boost::asio::awaitable<Result<FuzzReport>> async_run() {
    if (grpc::Status status = prepare(); !status.ok()) {
      co_return status;
    }
    const Clock::time_point began = Clock::now();
    while (!done(Clock::now() - began)) {
      if (service_ == nullptr) {
        if (grpc::Status status = co_await start_service(); !status.ok()) {
          co_return status;
        }
      }
      if (grpc::Status status = co_await run_next(); !status.ok()) {
        co_return status;
      }
      on_progress_(report_);
    }
    if (service_ != nullptr) {
      const ProcessExit exit = co_await service_->async_stop();
      if (exit.returncode != 0) {
        report_.violations.push_back("at the end the service ended with " + exit.describe());
      }
    }
    co_return std::move(report_);
  }

 private:
  grpc::Status prepare() {
    if (grpc::Status status = read_all(options_.programs, programs_.good); !status.ok()) {
      return status;
    }
    if (grpc::Status status = read_all(options_.foreign, programs_.foreign); !status.ok()) {
      return status;
    }
    if (options_.replay.empty()) {
      return grpc::Status::OK;
    }
    const Result<std::string> text = read_file(options_.replay);
    if (!text) {
      return text.error();
    }
    Result<Sequence> sequence = parse_sequence(*text);
    if (!sequence) {
      return sequence.error();
    }
    replay_ = *std::move(sequence);
    return grpc::Status::OK;
  }

  static grpc::Status read_all(const std::vector<fs::path>& paths,
                               std::vector<std::string>& programs) {
    for (const fs::path& path : paths) {
      Result<std::string> program = read_file(path);
      if (!program) {
        return program.error();
      }
      programs.push_back(*std::move(program));
    }
    return grpc::Status::OK;
  }

  [[nodiscard]] bool done(Clock::duration elapsed) const {
    if (replay_.has_value()) {
      return report_.sequences == 1;
    }
    return (options_.sequences.has_value() && report_.sequences >= *options_.sequences) ||
           (options_.duration.has_value() && elapsed >= *options_.duration);
  }

  boost::asio::awaitable<grpc::Status> start_service() {
    ManagedServiceOptions options;
    options.binary = options_.service;
    options.arguments = options_.service_arguments;
    options.arguments.push_back(fmt::format("--max_message_size={}", kMaxMessageBytes));
    auto started = co_await ManagedService::async_start(std::move(options));
    if (!started) {
      co_return started.error();
    }
    service_ = *std::move(started);
    client_.emplace(pump_, service_->target());
    CallOptions patience;
    patience.timeout = std::chrono::seconds(30);
    patience.wait_for_ready = true;
    const Result<GetSpacesReply> spaces = co_await client_->get_spaces(patience);
    if (!spaces) {
      co_return spaces.error();
    }
    Result<ServiceFacts> facts = facts_of(*spaces);
    if (!facts) {
      co_return facts.error();
    }
    facts_ = *std::move(facts);
    co_return grpc::Status::OK;
  }

  boost::asio::awaitable<grpc::Status> run_next() {
    const std::uint64_t seed = options_.seed + report_.sequences;
    const ProgramCounts counts{static_cast<int>(programs_.good.size()),
                               static_cast<int>(programs_.foreign.size())};
    Sequence sequence =
        replay_.has_value() ? *replay_ : SequenceGenerator(facts_, counts, seed).generate();
    ++report_.sequences;
    const auto make_stream = [this] {
      return std::make_unique<StreamClient>(pump_, make_channel(service_->target()));
    };
    SequenceRunner runner(*client_, make_stream, facts_, programs_, report_.outcomes);
    std::optional<std::string> violation = co_await runner.async_run(sequence);
    if (!violation.has_value()) {
      co_return grpc::Status::OK;
    }
    const ProcessExit exit = co_await service_->async_stop();
    service_.reset();
    *violation += fmt::format(" (the service: {})", exit.describe());
    report_.violations.push_back(*violation);
    co_return write_reproducer(sequence, *violation, seed);
  }

  grpc::Status write_reproducer(const Sequence& sequence, const std::string& violation,
                                std::uint64_t seed) {
    if (replay_.has_value()) {
      return grpc::Status::OK;  // there is one already
    }
    const fs::path path = options_.reproducers / fmt::format("fuzz-{}.txt", seed);
    boost::system::error_code ignored;  // the file says whether there is a directory
    fs::create_directories(options_.reproducers, ignored);
    fs::ofstream file(path);
    file << "# " << violation << "\n# compiler_gym-fuzz --service " << options_.service.string();
    for (const std::string& argument : options_.service_arguments) {
      file << " --service_argument=" << argument;
    }
    for (const fs::path& program : options_.programs) {
      file << " --program " << program.string();
    }
    for (const fs::path& program : options_.foreign) {
      file << " --foreign " << program.string();
    }
    file << " --replay " << path.string() << "\n";
    for (const Operation& operation : sequence) {
      file << to_string(operation) << "\n";
    }
    file.close();
    if (!file) {
      return internal_error("cannot write '" + path.string() + "'");
    }
    report_.reproducers.push_back(path);
    return grpc::Status::OK;
  }

  CompletionQueuePump& pump_;
  const FuzzOptions options_;
  const std::function<void(const FuzzReport&)> on_progress_;
  Programs programs_;
  std::optional<Sequence> replay_;
  std::unique_ptr<ManagedService> service_;
  std::optional<ServiceClient> client_;
  ServiceFacts facts_;
  FuzzReport report_;
};

}  // namespace

double served_share(const Outcomes& outcomes) {
  return outcomes.requests == 0
             ? 0
             : static_cast<double>(outcomes.served) / static_cast<double>(outcomes.requests);
}

boost::asio::awaitable<Result<FuzzReport>> async_fuzz(
    CompletionQueuePump& pump, FuzzOptions options,
    std::function<void(const FuzzReport&)> on_progress) {
  Campaign campaign(pump, std::move(options), std::move(on_progress));
  co_return co_await campaign.async_run();
}

}  // namespace compiler_gym::fuzz

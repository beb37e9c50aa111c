// An application of one thread with a compiler in it, told by callbacks. The compiler's work runs on
// that thread too: each request is done when the call that makes it returns, and its callback comes
// with the next turn of the loop.
#include <boost/asio/io_context.hpp>
#include <boost/filesystem/operations.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include "async_server/embedded_service.h"
#include "examples/embedding/text_session.h"

namespace {

namespace asio = boost::asio;
using namespace compiler_gym;
using namespace std::chrono_literals;

/// Applies the shortening actions in turn until none has any effect.
class Shortener {
 public:
  Shortener(EmbeddedService& service, std::string text)
      : service_(service), text_(std::move(text)) {}

  void start() {
    service_.async_start([this](const grpc::Status& status) {
      if (status.ok()) {
        start_session();
      } else {
        finish(status);  // and there is nothing to drain
      }
    });
  }

  [[nodiscard]] const grpc::Status& outcome() const { return outcome_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static constexpr int kActions = 3;

  void start_session() {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri("benchmark://texts/given");
    request.mutable_benchmark()->mutable_program()->set_contents(text_);
    service_.async_start_session(request, [this](const Result<StartSessionReply>& reply) {
      if (reply) {
        session_ = reply->session_id();
        step(0, 0);
      } else {
        finish(reply.error());
      }
    });
  }

  void step(int action, int without_effect) {
    if (without_effect == kActions) {
      finish(grpc::Status::OK);
      return;
    }
    StepRequest request;
    request.set_session_id(session_);
    request.add_action()->set_int64_value(action);
    request.add_observation_space(0);
    service_.async_step(request, [this, action, without_effect](const Result<StepReply>& reply) {
      if (!reply) {
        finish(reply.error());
        return;
      }
      text_ = reply->observation(0).string_value();
      step((action + 1) % kActions, reply->action_had_no_effect() ? without_effect + 1 : 0);
    });
  }

  void finish(const grpc::Status& status) {
    outcome_ = status;
    service_.async_drain(5s, [this](const grpc::Status& drained) {
      if (outcome_.ok()) {
        outcome_ = drained;
      }
    });
  }

  EmbeddedService& service_;
  std::string text_;
  std::int64_t session_ = 0;
  grpc::Status outcome_;
};

}  // namespace

int main() {
  asio::io_context io_context(1);
  const auto logger = make_silent_logger();
  EmbeddedServiceOptions options;
  options.working_directory = boost::filesystem::temp_directory_path();
  options.plugin_threads = PluginThreads::kCaller;
  EmbeddedService service(io_context, make_service_plugin<example::TextSession>(), options,
                          *logger);
  Shortener shortener(service, "Mm  moo oO");
  shortener.start();
  io_context.run();
  if (!shortener.outcome().ok()) {
    std::cerr << to_string(shortener.outcome()) << '\n';
    return EXIT_FAILURE;
  }
  std::cout << shortener.text() << '\n';
  return EXIT_SUCCESS;
}

// A thread rather than a signal_set of the event loop: the loop may be what hangs, a signal_set that
// is waited on again after cancel() never completes, and with the set the signals' default action
// comes back, which ends the process by signal rather than by its exit status.
#include "core/posix/termination.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/posix/wait_readable.h"

namespace compiler_gym {
namespace {

// What wakes the thread besides signals and time; an eventfd adds them up.
constexpr std::uint64_t kRequest = 1;
constexpr std::uint64_t kFinish = std::uint64_t{1} << 16U;
constexpr std::uint64_t kForce = std::uint64_t{1} << 32U;
constexpr std::uint64_t kStop = std::uint64_t{1} << 48U;

sigset_t termination_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

grpc::Status cannot(const char* what, int error) {
  return resource_exhausted(fmt::format("cannot watch for the signals that end the service: {}: {}",
                                        what, std::generic_category().message(error)));
}

// Never less than that.
std::chrono::milliseconds milliseconds_until(Clock::time_point time) {
  if (time == Clock::time_point::max()) {
    return kForever;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now());
  return std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(0),
                                               std::chrono::minutes(1));
}

}  // namespace

// ------------------------------------------------------------------------------------ the schedule

Clock::duration TerminationSchedule::on_request(Clock::time_point now) {
  const bool first = end_of_grace_ == Clock::time_point::max();
  const Clock::duration grace = first ? grace_ : Clock::duration::zero();
  end_of_grace_ = std::min(end_of_grace_, now + grace);
  return grace;
}

void TerminationSchedule::on_finished(Clock::time_point now) {
  end_of_grace_ = std::min(end_of_grace_, now);
}

TerminationSchedule::Step TerminationSchedule::on_time(Clock::time_point now) {
  if (end_of_grace_ == Clock::time_point::max() || now < next()) {
    return Step::kWait;
  }
  if (now >= end_of_grace_ + force_after_) {
    return Step::kForce;
  }
  abandoned_ = true;
  return Step::kAbandon;
}

Clock::time_point TerminationSchedule::next() const {
  if (end_of_grace_ == Clock::time_point::max()) {
    return end_of_grace_;
  }
  return end_of_grace_ + (abandoned_ ? force_after_ : abandon_after_);
}

// -------------------------------------------------------------------------------------- the thread

grpc::Status block_termination_signals() {
  const sigset_t signals = termination_signals();
  const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return error == 0 ? grpc::Status::OK
                    : internal_error(fmt::format("pthread_sigmask: {}", std::strerror(error)));
}

Result<std::unique_ptr<Termination>> Termination::start(TerminationOptions options) {
  const sigset_t watched = termination_signals();
  FileDescriptor signals(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) {
    return cannot("signalfd", errno);
  }
  FileDescriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    return cannot("eventfd", errno);
  }
  FileDescriptor log;
  if (!options.log_file.empty()) {
    log = FileDescriptor(open(options.log_file.c_str(),
                              O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644));
  }
  std::unique_ptr<Termination> termination(
      new Termination(std::move(options), std::move(signals), std::move(wake), std::move(log)));
  try {
    termination->thread_ = std::jthread([self = termination.get()] { self->run(); });
  } catch (const std::system_error& error) {
    return cannot("a thread", error.code().value());
  }
  return termination;
}

Termination::Termination(TerminationOptions options, FileDescriptor signals, FileDescriptor wake,
                         FileDescriptor log)
    : options_(std::move(options)),
      signals_(std::move(signals)),
      wake_(std::move(wake)),
      log_(std::move(log)),
      schedule_(options_.grace, options_.abandon_after, options_.force_after),
      exit_status_(options_.forced_exit_status) {}

Termination::~Termination() {
  wake(kStop);
}

void Termination::request() {
  wake(kRequest);
}

void Termination::finished(int exit_status) {
  exit_status_ = exit_status;
  wake(kFinish);
}

void Termination::force() {
  wake(kForce);
}

void Termination::wake(std::uint64_t what) {
  std::ignore = write(wake_.get(), &what, sizeof(what));
}

void Termination::run() {
  pthread_setname_np(pthread_self(), "termination");
  while (!stopped_) {
    std::array<pollfd, 2> events{{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    wait_readable(events, milliseconds_until(schedule_.next()));
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
      options_.on_request(static_cast<int>(signal.ssi_signo), schedule_.on_request(Clock::now()));
    }
    on_wake();
    switch (schedule_.on_time(Clock::now())) {
      case TerminationSchedule::Step::kWait:
        break;
      case TerminationSchedule::Step::kAbandon:
        if (options_.on_abandon) {
          options_.on_abandon();
        }
        break;
      case TerminationSchedule::Step::kForce:
        end_process();
    }
  }
}

void Termination::on_wake() {
  std::uint64_t what = 0;
  if (read(wake_.get(), &what, sizeof(what)) != sizeof(what)) {
    return;
  }
  if (what % kFinish != 0) {
    options_.on_request(0, schedule_.on_request(Clock::now()));
  }
  if (what % kForce >= kFinish) {
    schedule_.on_finished(Clock::now());
  }
  if (what % kStop >= kForce) {
    end_process();
  }
  stopped_ = what >= kStop;
}

// The line goes past the logger, whose lock a hanging thread may hold.
void Termination::end_process() {
  static constexpr char kLine[] =
      "the process was forced to end: something did not come back in time after it was asked to\n";
  if (log_) {
    std::ignore = write(log_.get(), kLine, sizeof(kLine) - 1);
  }
  if (options_.on_force) {
    options_.on_force();
  }
  _exit(exit_status_);
}

}  // namespace compiler_gym

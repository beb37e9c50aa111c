// A process that behaves as its arguments say, in their order; for tests of ManagedService.
//
//   --working_dir=PATH  where the files go; comes first
//   record              writes how it was started to started_as.txt: argv, current directory
//   environment:NAME    appends a line with the variable's value to environment.txt
//   log:TEXT            appends a line to logs/fake.log
//   port:TEXT           writes TEXT and a newline to port.txt
//   partial_port:TEXT   writes TEXT without a newline
//   exit:N              ends with status N
//   abort               ends by SIGABRT
//   serve:N             waits for SIGTERM, then ends with status N
//   ignore_term         waits for SIGKILL
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

void wait_for_term() {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  int received = 0;
  sigwait(&term, &received);
}

void record(const std::filesystem::path& file, int argc, char** argv) {
  std::ofstream out(file);
  out << "cwd " << std::filesystem::current_path().string() << '\n';
  for (int i = 0; i < argc; ++i) {
    out << "argument " << argv[i] << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves no process behind
  // SIGTERM is blocked all along, so that one which comes early is not lost.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);

  std::filesystem::path working_directory;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t colon = argument.find_first_of(":=");
    const std::string_view verb = argument.substr(0, colon);
    const std::string text(colon == argument.npos ? "" : argument.substr(colon + 1));
    if (verb == "--working_dir") {
      working_directory = text;
    } else if (verb == "record") {
      record(working_directory / "started_as.txt", argc, argv);
    } else if (verb == "environment") {
      const char* value = getenv(text.c_str());
      std::ofstream(working_directory / "environment.txt", std::ios::app)
          << (value == nullptr ? "not set" : value) << '\n';
    } else if (verb == "log") {
      std::ofstream(working_directory / "logs" / "fake.log", std::ios::app) << text << '\n';
    } else if (verb == "port") {
      std::ofstream(working_directory / "port.txt") << text << '\n';
    } else if (verb == "partial_port") {
      std::ofstream(working_directory / "port.txt") << text;
    } else if (verb == "exit") {
      return std::stoi(text);
    } else if (verb == "abort") {
      abort();
    } else if (verb == "serve") {
      wait_for_term();
      return std::stoi(text);
    } else if (verb == "ignore_term") {
      for (;;) {
        wait_for_term();
      }
    } else {
      return 99;
    }
  }
  return 0;
}

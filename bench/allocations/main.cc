// compiler_gym-allocations: how often the server allocates memory for a call, and who does it.
//
// The server runs in this program, with the example compiler; its client is a process of its own
// (compiler_gym-load), so that nothing of it is counted. A count is the difference between a longer
// load and a shorter one, which leaves out what belongs to neither call: connections, sessions.
#include <fmt/core.h>

#include <boost/filesystem/operations.hpp>
#include <boost/process/args.hpp>
#include <boost/process/io.hpp>
#include <boost/process/system.hpp>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/allocations/counted_malloc.h"
#include "bench/hosted/hosted_server.h"
#include "bench/hosted/pooled_session.h"
#include "examples/example_session.h"
#include "tools/support/require.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

constexpr int kShortLoad = 2'000;
constexpr int kLongLoad = 22'000;

// One call at a time.
void put_load_on(const HostedServer& server, const std::string& mix, int calls) {
  const auto load =
      boost::filesystem::canonical("/proc/self/exe").parent_path() / "compiler_gym-load";
  const std::vector<std::string> arguments = {
      "--target=" + server.addresses().front(), "--mix=" + mix,
      "--operations=" + std::to_string(calls), "--sessions=1", "--warmup_seconds=0"};
  const int status = boost::process::system(load, boost::process::args = arguments,
                                            boost::process::std_out > boost::process::null);
  if (status != 0) {
    throw std::runtime_error(load.string() + " failed");
  }
}

std::map<std::string, Allocations> allocations_of(const HostedServer& server,
                                                  const std::string& mix, int calls) {
  const auto before = count_allocations();
  put_load_on(server, mix, calls);
  auto after = count_allocations();
  for (const auto& [library, allocations] : before) {
    after[library].count -= allocations.count;
    after[library].bytes -= allocations.bytes;
  }
  return after;
}

void measure(const char* call, ServicePlugin plugin, const std::string& mix) {
  const auto hosted = require(HostedServer::start(
      std::move(plugin), boost::filesystem::temp_directory_path(), {"127.0.0.1:0"}));
  const HostedServer& server = *hosted;
  put_load_on(server, mix, kShortLoad);  // what is made once, at the first call, is made here
  const auto few = allocations_of(server, mix, kShortLoad);
  const auto many = allocations_of(server, mix, kLongLoad);
  const auto of_one_call = [&](const std::string& library, std::uint64_t Allocations::* what) {
    const auto found = few.find(library);
    const double base = found == few.end() ? 0.0 : static_cast<double>(found->second.*what);
    return (static_cast<double>(many.at(library).*what) - base) / (kLongLoad - kShortLoad);
  };
  double count = 0;
  double bytes = 0;
  for (const auto& [library, unused] : many) {
    const double of_library = of_one_call(library, &Allocations::count);
    if (of_library >= 0.01) {
      fmt::print("| {} | {} | {:.2f} | {:.0f} |\n", call, library, of_library,
                 of_one_call(library, &Allocations::bytes));
    }
    count += of_library;
    bytes += of_one_call(library, &Allocations::bytes);
  }
  fmt::print("| {} | **all** | **{:.2f}** | **{:.0f}** |\n", call, count, bytes);
}

int run(int /*argc*/, char** /*argv*/) {
  fmt::print("| call | by | allocations | bytes |\n|---|---|--:|--:|\n");
  measure("GetVersion", make_service_plugin<example::ExampleSession>(), "version=1");
  measure("Step on the pump", make_service_plugin<example::ExampleSession>(), "step=1");
  measure("Step on a worker", make_service_plugin<PooledSession>(), "step=1");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  return compiler_gym::run_tool("compiler_gym-allocations", EXIT_FAILURE, compiler_gym::run, argc,
                                argv);
}

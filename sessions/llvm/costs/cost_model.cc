#include "sessions/llvm/costs/cost_model.h"

#include <utility>

#include "sessions/llvm/costs/object_size.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/bitcode_file.h"
#include "sessions/llvm/run/clang_path.h"
#include "sessions/llvm/run/program_file.h"
#include "sessions/llvm/run/scratch_directory.h"

namespace compiler_gym {
namespace {

// What goes wrong is the client's to mend, the program or the command that builds it; but not that
// the machine lacks something, nor that the client has gone away meanwhile.
grpc::Status text_size_error(const grpc::Status& cause) {
  switch (cause.error_code()) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::UNAVAILABLE:
      return cause;
    case grpc::StatusCode::FAILED_PRECONDITION:  // no clang
      return unavailable(cause.error_message());
    default:
      return invalid_argument("Failed to compute .text size cost: " + cause.error_message());
  }
}

}  // namespace

// A size that ships is that of the module in memory, byte for byte.
UseListOrder use_list_order_for(Cost cost) {
  return cost == Cost::kShippedTextSize ? UseListOrder::kPreserved : UseListOrder::kLost;
}

CostModel::CostModel(TargetMachines& machines, TargetMachines& optimising_machines,
                     ClangPath& clang, std::function<boost::filesystem::path()> scratch_parent,
                     const CommandHost* command_host)
    : machines_(machines),
      optimising_machines_(optimising_machines),
      clang_(clang),
      scratch_parent_(std::move(scratch_parent)),
      command_host_(command_host) {}

Result<std::int64_t> CostModel::compute(Cost cost, const llvm::Module& module,
                                        const ProgramFacts& program,
                                        const std::stop_token& stop_token,
                                        LlvmCall* reading) const {
  std::int64_t instructions = 0;
  std::string bitcode;
  const bool counts = cost == Cost::kIrInstructionCount;
  const LlvmCall call =
      call_llvm(counts ? "counting instructions" : "writing bitcode", stop_token, [&] {
        if (counts) {
          instructions = inst_count(module)[0];
        } else {
          bitcode = write_bitcode(module, use_list_order_for(cost));
        }
      });
  if (reading != nullptr) {
    *reading = call;
  }
  if (!call.returned()) {
    return call.status();
  }
  return counts ? Result<std::int64_t>(instructions) : size(cost, bitcode, program, stop_token);
}

Result<std::int64_t> CostModel::size(Cost cost, const std::string& bitcode,
                                     const ProgramFacts& program,
                                     const std::stop_token& stop_token) const {
  if (cost == Cost::kShippedTextSize) {
    return object_text_size(bitcode, optimising_machines_, stop_token,
                            program.code_generation_metadata);
  }
  if (!is_buildable(program.config)) {
    return object_text_size(bitcode, machines_, stop_token);
  }
  const Command& build_command = program.config.build_cmd();
  return cost == Cost::kTextSize
             ? built_text_size(build_command, bitcode, stop_token)
             : built_text_size(compile_only(build_command), bitcode, stop_token);
}

Result<std::int64_t> CostModel::built_text_size(const Command& build_command,
                                                const std::string& bitcode,
                                                const std::stop_token& stop_token) const {
  if (build_command.outfile_size() != 1) {
    return text_size_error(invalid_argument("Expected a single output from build job, actual: " +
                                            std::to_string(build_command.outfile_size()) +
                                            ". Command: " + command_line(build_command)));
  }
  const Result<std::string> clang = clang_.get();
  if (!clang) {
    return text_size_error(clang.error());
  }
  const Result<ScratchDirectory> directory = ScratchDirectory::create(scratch_parent_());
  if (!directory) {
    return text_size_error(directory.error());
  }
  const CommandSetting setting{
      .directory = directory->path(), .clang = *clang, .command_host = command_host_};
  if (const auto built = build_program(build_command, bitcode, setting, stop_token); !built) {
    // Compilers say so in words of their own.
    grpc::Status full = check_disk_space(directory->path());
    return full.ok() ? text_size_error(built.error()) : full;
  }
  const Result<std::string> file =
      read_program_file(setting.file(build_command.outfile(0)).string());
  if (!file) {
    return text_size_error(file.error());
  }
  return elf_text_size(*file);
}

}  // namespace compiler_gym

#include "core/posix/command_messages.h"

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace compiler_gym {
namespace {

// Numbers as they lie in memory, texts with their size before them.
class Writer {
 public:
  template <typename Number>
  void number(Number value) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void text(std::string_view text) {
    number<std::uint64_t>(text.size());
    bytes_.append(text);
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads zeros and empty texts from the first on that is not there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename Number>
  Number number() {
    static_assert(std::is_arithmetic_v<Number>);
    Number value{};
    if (const std::string_view from = take(sizeof(value)); !from.empty()) {
      std::memcpy(&value, from.data(), from.size());
    }
    return value;
  }
  std::string text() { return std::string(take(number<std::uint64_t>())); }

  [[nodiscard]] bool complete() const { return complete_; }
  // Whether all was there, and nothing else.
  [[nodiscard]] bool was_all() const { return complete_ && bytes_.empty(); }

 private:
  std::string_view take(std::uint64_t size) {
    complete_ = complete_ && size <= bytes_.size();
    if (!complete_) {
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes_;
  bool complete_ = true;
};

constexpr std::int32_t kAnyProcessor = -1;

}  // namespace

std::string bytes_of(const ShellCommand& command) {
  Writer writer;
  writer.text(command.command);
  writer.text(command.directory.string());
  writer.number<std::uint64_t>(command.environment.size());
  for (const auto& [name, value] : command.environment) {
    writer.text(name);
    writer.text(value);
  }
  writer.number<std::int64_t>(command.timeout.count());
  writer.number(command.limits.resident_memory_in_bytes);
  writer.number(command.limits.address_space_in_bytes);
  writer.number(command.limits.file_size_in_bytes);
  writer.number<std::int64_t>(command.limits.cpu_time.count());
  writer.number<std::uint64_t>(command.max_output_in_bytes);
  writer.number<std::int32_t>(command.processor.value_or(kAnyProcessor));
  writer.number<std::uint8_t>(command.counts_events ? 1 : 0);
  return writer.take();
}

std::optional<ShellCommand> shell_command_of(std::string_view bytes) {
  Reader reader(bytes);
  ShellCommand command;
  command.command = reader.text();
  command.directory = reader.text();
  for (auto left = reader.number<std::uint64_t>(); left > 0 && reader.complete(); --left) {
    std::string name = reader.text();
    command.environment[std::move(name)] = reader.text();
  }
  command.timeout = std::chrono::milliseconds(reader.number<std::int64_t>());
  command.limits.resident_memory_in_bytes = reader.number<std::uint64_t>();
  command.limits.address_space_in_bytes = reader.number<std::uint64_t>();
  command.limits.file_size_in_bytes = reader.number<std::uint64_t>();
  command.limits.cpu_time = std::chrono::seconds(reader.number<std::int64_t>());
  command.max_output_in_bytes = reader.number<std::uint64_t>();
  if (const auto processor = reader.number<std::int32_t>(); processor != kAnyProcessor) {
    command.processor = processor;
  }
  command.counts_events = reader.number<std::uint8_t>() != 0;
  return reader.was_all() ? std::optional(std::move(command)) : std::nullopt;
}

std::string bytes_of(const Result<ProcessResult>& result) {
  Writer writer;
  const grpc::Status status = result ? grpc::Status::OK : result.error();
  writer.number<std::int32_t>(status.error_code());
  writer.text(status.error_message());
  const ProcessResult process = result ? *result : ProcessResult();
  writer.number<std::int32_t>(static_cast<std::int32_t>(process.end));
  writer.number<std::int32_t>(process.code);
  writer.text(process.standard_output);
  writer.text(process.standard_error);
  writer.number<std::int64_t>(process.elapsed.count());
  writer.number<std::int64_t>(process.processor_time.count());
  writer.number<std::uint8_t>(process.events.has_value() ? 1 : 0);
  const EventCounts events = process.events.value_or(EventCounts());
  writer.number(events.instructions);
  writer.number(events.cycles);
  return writer.take();
}

std::optional<Result<ProcessResult>> process_result_of(std::string_view bytes) {
  Reader reader(bytes);
  const auto code = static_cast<grpc::StatusCode>(reader.number<std::int32_t>());
  const grpc::Status status(code, reader.text());
  ProcessResult process;
  process.end = static_cast<ProcessEnd>(reader.number<std::int32_t>());
  process.code = reader.number<std::int32_t>();
  process.standard_output = reader.text();
  process.standard_error = reader.text();
  process.elapsed = std::chrono::nanoseconds(reader.number<std::int64_t>());
  process.processor_time = std::chrono::nanoseconds(reader.number<std::int64_t>());
  const bool has_events = reader.number<std::uint8_t>() != 0;
  EventCounts events;
  events.instructions = reader.number<std::uint64_t>();
  events.cycles = reader.number<std::uint64_t>();
  if (has_events) {
    process.events = events;
  }
  if (!reader.was_all()) {
    return std::nullopt;
  }
  return status.ok() ? Result<ProcessResult>(std::move(process)) : Result<ProcessResult>(status);
}

}  // namespace compiler_gym

#include "async_server/internal/flag_values.h"

#include <optional>

#include "async_server/internal/byte_size.h"

namespace compiler_gym::internal {

grpc::Status FlagValues::error(const std::string& what) const {
  return invalid_argument(fmt::format("flag '{}': {}", flag_, what));
}

grpc::Status FlagValues::read_bytes(std::uint64_t& bytes, std::uint64_t min,
                                    std::uint64_t max) const {
  const std::optional<std::uint64_t> parsed = parse_bytes(text());
  if (!parsed || *parsed < min || *parsed > max) {
    return not_in_range(min, max);
  }
  bytes = *parsed;
  return grpc::Status::OK;
}

grpc::Status FlagValues::read(bool& value) const {
  if (text() == "true" || text() == "1") {
    value = true;
  } else if (text() == "false" || text() == "0") {
    value = false;
  } else {
    return error(fmt::format("'{}' is not one of true, false, 1, 0", text()));
  }
  return grpc::Status::OK;
}

grpc::Status FlagValues::read(boost::filesystem::path& path) const {
  if (text().empty()) {
    return error("the path is empty");
  }
  path = text();
  return grpc::Status::OK;
}

grpc::Status FlagValues::read_mode(unsigned& mode) const {
  const char* const end = text().data() + text().size();
  unsigned parsed = 0;
  const auto [parsed_to, problem] = std::from_chars(text().data(), end, parsed, 8);
  if (problem != std::errc() || parsed_to != end || parsed > 0777) {
    return error(fmt::format("'{}' is not an octal number from 0 to 777", text()));
  }
  mode = parsed;
  return grpc::Status::OK;
}

grpc::Status FlagValues::choose(const char* first, const char* second, bool& chosen) const {
  if (text() != first && text() != second) {
    return error(fmt::format("'{}' is not one of {}, {}", text(), first, second));
  }
  chosen = text() == first;
  return grpc::Status::OK;
}

}  // namespace compiler_gym::internal

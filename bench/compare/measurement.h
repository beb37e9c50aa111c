// What is measured in a round, and what is said of all rounds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare/compare_row.h"
#include "tools/load/load_result.h"

namespace compiler_gym {

/// One server in one round. Where nothing was done the figures are 0, and NaN in ratios.
struct Measurement {
  double per_second = 0;  ///< operations
  double cpu_us = 0;      ///< of the server's processes, for one operation
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  /// What else was done meanwhile by clients that are not measured.
  double others_per_second = 0;
  std::uint64_t operations = 0;
  std::uint64_t failed = 0;
  std::string first_error{};
};

/// The figures, which have medians and ratios, by the names they are reported under.
struct MeasuredFigure {
  const char* name;
  double Measurement::* value;
};
inline constexpr std::array kMeasuredFigures{
    MeasuredFigure{"per_second", &Measurement::per_second},
    MeasuredFigure{"cpu_us", &Measurement::cpu_us},
    MeasuredFigure{"p50_us", &Measurement::p50_us},
    MeasuredFigure{"p99_us", &Measurement::p99_us},
    MeasuredFigure{"p99.9_us", &Measurement::p999_us},
    MeasuredFigure{"others_per_second", &Measurement::others_per_second}};

/// Of the calls of `rpc`; CPU time is that of all calls, by the number of these.
[[nodiscard]] Measurement to_measurement(const LoadResult& result, Rpc rpc);

struct ServerRounds {
  std::string server;
  std::vector<Measurement> rounds;

  [[nodiscard]] std::uint64_t failed() const;
  [[nodiscard]] std::string first_error() const;
};

struct RowResult {
  CompareRow row;
  std::vector<ServerRounds> servers;  ///< with as many rounds each

  /// Null if it was not measured on that one.
  [[nodiscard]] const ServerRounds* of(const std::string& server) const;
};

/// The medians of the rounds, field by field.
[[nodiscard]] Measurement medians(const ServerRounds& server);

/// The medians of the ratios in each round.
[[nodiscard]] Measurement median_ratios(const ServerRounds& server, const ServerRounds& baseline);

}  // namespace compiler_gym

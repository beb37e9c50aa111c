// Which sandboxes whose sessions have ended are kept for others, and which are let go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace compiler_gym::isolated {

struct RecycleOptions {
  /// Whether any is.
  bool enabled = true;
  /// Kept at one time, and of these for one template; those that are being reset count.
  std::size_t max_idle = 128;
  std::size_t max_idle_per_template = 64;
  /// Of memory that all that are kept have for themselves, or share with their template.
  std::uint64_t max_idle_bytes = std::uint64_t{512} << 20;
  /// By which one may have grown since it was forked.
  std::uint64_t max_growth_in_bytes = std::uint64_t{32} << 20;
  /// Served by one, one after the other: whatever adds up unseen ends with that.
  std::uint32_t max_sessions = 10'000;
};

/// What a sandbox says of itself when it has been reset.
struct ResetReport {
  std::uint64_t size_in_bytes = 0;  ///< of its memory, without what is a file's
  std::uint64_t grown_by = 0;       ///< since the benchmark was loaded
  std::uint32_t sessions = 0;       ///< that have ended in it, or in those it is a copy of

  bool operator==(const ResetReport&) const = default;
};

/// Decides which are kept, idle, for further sessions on the same template. No threads, no processes:
/// TemplateScheduler asks it, and Templates performs what it decides. Sandboxes and templates have numbers
/// that are never used twice.
///
/// Bound: in number, for one template and in all, and in bytes; for a new one, those that have been idle
///        longest go. One that has grown, or has served many, goes itself.
/// Order: who needs one gets the one that has been idle for the shortest time, whose memory is in the
///        caches still.
class IdleSandboxes {
 public:
  using Number = std::uint64_t;
  using TemplateId = std::uint64_t;

  explicit IdleSandboxes(RecycleOptions options) : options_(options) {}

  /// A session has ended in it. False: it is not to be reset, but ended. What goes for it is added to `ended`.
  [[nodiscard]] bool begin_reset(Number sandbox, TemplateId of, std::vector<Number>& ended);
  /// It has been reset; with no report, that has failed. False: it is to be ended. Otherwise it is idle.
  [[nodiscard]] bool on_reset(Number sandbox, const std::optional<ResetReport>& report,
                              std::vector<Number>& ended);
  /// Takes one for a session; none if none is idle.
  [[nodiscard]] std::optional<Number> take(TemplateId of);
  /// Takes the one that has been idle longest, to be ended.
  [[nodiscard]] std::optional<Number> give_up();
  /// Takes all of a template, to be ended. Those that are being reset are refused once they have been.
  [[nodiscard]] std::vector<Number> drop(TemplateId of);

  /// Of a template, or of any.
  [[nodiscard]] std::size_t resetting(TemplateId of) const;
  [[nodiscard]] std::size_t resetting() const { return resetting_.size(); }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  [[nodiscard]] std::uint64_t idle_bytes() const { return idle_bytes_; }
  /// Whose reset is under way, unless that has been dropped.
  [[nodiscard]] std::optional<TemplateId> template_of(Number resetting) const;

 private:
  struct Resetting {
    Number sandbox;
    std::optional<TemplateId> of;  // none: dropped
  };
  struct Idle {
    Number sandbox;
    TemplateId of;
    std::uint64_t size_in_bytes;
  };
  using Iterator = std::vector<Idle>::iterator;

  Number remove(Iterator idle);

  const RecycleOptions options_;
  std::vector<Resetting> resetting_;
  std::vector<Idle> idle_;  // the longest idle first
  std::uint64_t idle_bytes_ = 0;
};

}  // namespace compiler_gym::isolated

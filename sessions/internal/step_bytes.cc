#include "sessions/internal/step_bytes.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym::internal {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t tag(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}
constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
constexpr std::uint32_t kObservation = tag(StepReply::kObservationFieldNumber, kBytes);

void append_varint(std::uint32_t value, std::string& to) {
  for (; value >= 0x80; value >>= 7) {
    to.push_back(static_cast<char>(value | 0x80));
  }
  to.push_back(static_cast<char>(value));
}

void append_flag(int field, bool value, std::string& to) {
  if (value) {
    append_varint(tag(field, WireFormatLite::WIRETYPE_VARINT), to);
    to.push_back(1);
  }
}

void append_message(std::uint32_t message_tag, const std::string& message, std::string& to) {
  append_varint(message_tag, to);
  append_varint(static_cast<std::uint32_t>(message.size()), to);
  to += message;
}

// ---------------------------------------------------------------------------- what travels behind

constexpr unsigned kNoEffect = 1;
constexpr unsigned kEndsEpisode = 2;
constexpr unsigned kNoTrace = 4;
constexpr unsigned kHasSpace = 8;
constexpr unsigned kEpisodeEnded = 16;
constexpr unsigned kSpecial = 32;

void append_part(unsigned flags, const WireBytes& space, std::string& to) {
  to.push_back(static_cast<char>(flags | (space != nullptr ? kHasSpace : 0U)));
  if (space != nullptr) {
    append_varint(static_cast<std::uint32_t>(space->size()), to);
    to += *space;
  }
}

bool read_part(CodedInputStream& from, unsigned char& flags, WireBytes& space) {
  std::uint32_t size = 0;
  std::string bytes;
  if (!from.ReadRaw(&flags, 1)) {
    return false;
  }
  if ((flags & kHasSpace) != 0) {
    if (!from.ReadVarint32(&size) || !from.ReadString(&bytes, static_cast<int>(size))) {
      return false;
    }
    space = std::make_shared<const std::string>(std::move(bytes));
  }
  return true;
}

}  // namespace

std::string step_reply_bytes(const StateGraph::KnownStep& step) {
  constexpr std::size_t kMaxHeader = 10;
  std::size_t size = 2 * kMaxHeader;
  for (const WireBytes& observation : step.observations) {
    size += observation->size() + kMaxHeader;
  }
  std::string reply;
  reply.reserve(size);
  append_flag(StepReply::kEndOfSessionFieldNumber, step.end_of_session, reply);
  append_flag(StepReply::kActionHadNoEffectFieldNumber, step.had_no_effect, reply);
  if (step.new_action_space != nullptr) {
    append_message(tag(StepReply::kNewActionSpaceFieldNumber, kBytes), *step.new_action_space,
                   reply);
  }
  for (const WireBytes& observation : step.observations) {
    append_message(kObservation, *observation, reply);
  }
  return reply;
}

std::optional<std::vector<std::string_view>> observations_in(std::string_view step_reply) {
  std::vector<std::string_view> observations;
  CodedInputStream from(reinterpret_cast<const std::uint8_t*>(step_reply.data()),
                        static_cast<int>(step_reply.size()));
  while (const std::uint32_t next = from.ReadTag()) {
    if (next != kObservation) {
      if (!WireFormatLite::SkipField(&from, next)) {
        return std::nullopt;
      }
      continue;
    }
    std::uint32_t size = 0;
    const void* data = nullptr;
    int available = 0;
    if (!from.ReadVarint32(&size)) {
      return std::nullopt;
    }
    if (size == 0) {
      observations.emplace_back();
      continue;
    }
    if (!from.GetDirectBufferPointer(&data, &available) ||
        size > static_cast<std::uint32_t>(available) || !from.Skip(static_cast<int>(size))) {
      return std::nullopt;
    }
    observations.emplace_back(static_cast<const char*>(data), size);
  }
  return from.ConsumedEntireMessage() ? std::optional(std::move(observations)) : std::nullopt;
}

void append_outcome(const StepOutcome& outcome, std::string& step_reply) {
  const std::size_t begin = step_reply.size();
  for (const ActionOutcome& action : outcome.actions) {
    append_part((action.had_no_effect ? kNoEffect : 0U) |
                    (action.ends_episode ? kEndsEpisode : 0U) |
                    (action.left_no_trace ? kNoTrace : 0U),
                action.new_action_space, step_reply);
  }
  append_part((outcome.end.had_no_effect ? kNoEffect : 0U) |
                  (outcome.end.ends_episode ? kEndsEpisode : 0U) |
                  (outcome.end.episode_ended ? kEpisodeEnded : 0U) |
                  (outcome.is_special ? kSpecial : 0U),
              outcome.end.new_action_space, step_reply);
  const auto size = static_cast<std::uint32_t>(step_reply.size() - begin);
  step_reply.append(reinterpret_cast<const char*>(&size), sizeof(size));
}

bool take_outcome(std::string& step_reply, StepOutcome& outcome) {
  std::uint32_t size = 0;
  if (step_reply.size() < sizeof(size)) {
    return false;
  }
  const std::size_t end = step_reply.size() - sizeof(size);
  std::memcpy(&size, step_reply.data() + end, sizeof(size));
  if (size == 0 || size > end) {
    return false;
  }
  CodedInputStream from(reinterpret_cast<const std::uint8_t*>(step_reply.data() + end - size),
                        static_cast<int>(size));
  outcome = {};
  for (;;) {
    unsigned char flags = 0;
    WireBytes space;
    if (!read_part(from, flags, space)) {
      return false;
    }
    if (from.CurrentPosition() == static_cast<int>(size)) {
      outcome.end = {.had_no_effect = (flags & kNoEffect) != 0,
                     .episode_ended = (flags & kEpisodeEnded) != 0,
                     .ends_episode = (flags & kEndsEpisode) != 0,
                     .new_action_space = std::move(space)};
      outcome.is_special = (flags & kSpecial) != 0;
      break;
    }
    outcome.actions.push_back({.had_no_effect = (flags & kNoEffect) != 0,
                               .ends_episode = (flags & kEndsEpisode) != 0,
                               .left_no_trace = (flags & kNoTrace) != 0,
                               .new_action_space = std::move(space)});
  }
  step_reply.resize(end - size);
  return true;
}

}  // namespace compiler_gym::internal

#include "events/sink_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/quantity.h"
#include "base/text.h"

namespace jammi::events {
namespace {

using std::chrono::milliseconds;

// --- Texts of one kind. Each returns what is wrong, or nothing.

// A whole number from `least` on that its target can hold.
template <class Number>
std::string Count(std::string_view text, Number& target, uint64_t least) {
  uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  const uint64_t most = std::min<uint64_t>(std::numeric_limits<Number>::max(), INT64_MAX);
  if (text.empty() || stopped != end) return "expected a whole number";
  if (error != std::errc{} || number < least || number > most) {
    return fmt::format("must be {} to {}", least, most);
  }
  target = static_cast<Number>(number);
  return {};
}

template <class Number>
std::string Size(std::string_view text, Number& target, int64_t least) {
  const auto bytes = ParseSize(text);
  if (!bytes) return bytes.error();
  if (*bytes < least) return fmt::format("must be {} bytes or more", least);
  target = static_cast<Number>(*bytes);
  return {};
}

template <class Target>
std::string Duration(std::string_view text, Target& target, milliseconds least) {
  // A century, so that no sum of a clock and a duration overflows.
  static constexpr milliseconds kMost = std::chrono::hours(24 * 36525);
  const auto duration = ParseDuration(text);
  if (!duration) return duration.error();
  if (*duration < least) return fmt::format("must be {} or more", FormatDuration(least));
  if (*duration > kMost) return fmt::format("must be {} or less", FormatDuration(kMost));
  target = *duration;
  return {};
}

template <class Choice, size_t kChoices>
std::string Choose(std::string_view text, Choice& target,
                   const std::array<std::pair<std::string_view, Choice>, kChoices>& choices) {
  std::array<std::string_view, kChoices> names;
  std::ranges::transform(choices, names.begin(), [](const auto& choice) { return choice.first; });
  for (const auto& [name, choice] : choices) {
    if (text != name) continue;
    target = choice;
    return {};
  }
  std::string expected;
  for (const auto name : names) expected += fmt::format("{}{}", expected.empty() ? "" : ", ", name);
  const auto nearest = Nearest(text, names);
  return fmt::format("expected one of: {}{}", expected,
                     nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
}

template <class Target>
std::string Text(std::string_view text, Target& target) {
  target = std::string(text);
  return {};
}

// --- The table

struct Entry {
  SinkOption option;
  std::string (*apply)(std::string_view text, SettingsDraft& draft);
};

// clang-format off
constexpr std::array kEntries = {
    Entry{{"subject_template", "TEMPLATE", "",
           "The subject of the events, {tenantId} is each event's tenant; before the variables of the family"},
          [](std::string_view text, SettingsDraft& draft) { return Text(text, draft.subject_template); }},
    Entry{{"tenant_policy", "encode|verbatim|reject", "encode",
           "How a tenant becomes a token of the subject"},
          [](std::string_view text, SettingsDraft& draft) {
            return Choose(text, draft.settings.jetstream.tenant_policy,
                          std::array{std::pair{std::string_view("encode"), TenantPolicy::kEncode},
                                     std::pair{std::string_view("verbatim"), TenantPolicy::kVerbatim},
                                     std::pair{std::string_view("reject"), TenantPolicy::kReject}});
          }},
    Entry{{"start", "fallback|background", "fallback, with a spool background",
           "When the server is away at the start: discard all events, or begin and connect when it is there"},
          [](std::string_view text, SettingsDraft& draft) {
            draft.start_given = true;
            return Choose(text, draft.settings.jetstream.start,
                          std::array{std::pair{std::string_view("fallback"), SinkStart::kFail},
                                     std::pair{std::string_view("background"), SinkStart::kInBackground}});
          }},
    Entry{{"connect_timeout", "DURATION", "5s", "How long the first connection may take"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.settings.jetstream.connect_timeout, milliseconds(1));
          }},
    Entry{{"ack_timeout", "DURATION", "5s", "How long the server may take to acknowledge one try"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.settings.jetstream.ack_timeout, milliseconds(1));
          }},
    Entry{{"emit_deadline", "DURATION", "", "How long all tries of one event may take; not set: no limit"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.settings.jetstream.emit_deadline, milliseconds(1));
          }},
    Entry{{"publish_attempts", "N", "3", "Tries of one event before the circuit opens"},
          [](std::string_view text, SettingsDraft& draft) {
            return Count(text, draft.settings.jetstream.publish_attempts, 1);
          }},
    Entry{{"max_event_bytes", "SIZE", "1MiB", "The largest event, headers included; the server may take less"},
          [](std::string_view text, SettingsDraft& draft) {
            std::string wrong = Size(text, draft.settings.jetstream.max_event_bytes, 1);
            draft.spool.max_event_bytes = draft.settings.jetstream.max_event_bytes;
            return wrong;
          }},
    Entry{{"max_in_flight", "N", "256", "Events that are sent and not acknowledged yet"},
          [](std::string_view text, SettingsDraft& draft) {
            return Count(text, draft.settings.jetstream.max_in_flight, 1);
          }},
    Entry{{"expected_stream", "NAME", "", "The stream that must take the events; not set: any"},
          [](std::string_view text, SettingsDraft& draft) {
            return Text(text, draft.settings.jetstream.expected_stream);
          }},
    Entry{{"content_mode", "structured|binary", "structured",
           "The whole event as JSON, or its data with the attributes as headers"},
          [](std::string_view text, SettingsDraft& draft) {
            return Choose(text, draft.settings.jetstream.content_mode,
                          std::array{std::pair{std::string_view("structured"), ContentMode::kStructured},
                                     std::pair{std::string_view("binary"), ContentMode::kBinary}});
          }},
    Entry{{"backoff_base", "DURATION", "100ms", "How long an open circuit waits first"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.settings.jetstream.backoff_base, milliseconds(1));
          }},
    Entry{{"backoff_cap", "DURATION", "3m", "How long an open circuit waits at most"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.settings.jetstream.backoff_cap, milliseconds(1));
          }},
    Entry{{"credentials_file", "FILE", "", "A .creds file: who we are for the server"},
          [](std::string_view text, SettingsDraft& draft) {
            return Text(text, draft.settings.jetstream.credentials_path);
          }},
    Entry{{"certificate_file", "FILE", "", "Our certificate for TLS, with key_file"},
          [](std::string_view text, SettingsDraft& draft) {
            return Text(text, draft.settings.jetstream.certificate_path);
          }},
    Entry{{"key_file", "FILE", "", "The key of certificate_file"},
          [](std::string_view text, SettingsDraft& draft) {
            return Text(text, draft.settings.jetstream.key_path);
          }},
    Entry{{"dlq_max_files", "N", "100000", "Dead letters that may lie in CELLOS_DLQ_DIR"},
          [](std::string_view text, SettingsDraft& draft) { return Count(text, draft.dead_letter.max_files, 1); }},
    Entry{{"dlq_max_bytes", "SIZE", "1GiB", "Bytes of them"},
          [](std::string_view text, SettingsDraft& draft) { return Size(text, draft.dead_letter.max_bytes, 1); }},
    Entry{{"dlq_min_free_bytes", "SIZE", "64MiB", "Bytes that stay free on their file system"},
          [](std::string_view text, SettingsDraft& draft) {
            return Size(text, draft.dead_letter.min_free_bytes, 0);
          }},
    Entry{{"spill_invalid", "true|false", "false", "Dead letters also of what is no valid event"},
          [](std::string_view text, SettingsDraft& draft) {
            return Choose(text, draft.dead_letter.spill_invalid,
                          std::array{std::pair{std::string_view("true"), true},
                                     std::pair{std::string_view("false"), false}});
          }},
    Entry{{"jsonl_sync", "none|each", "none", "Whether each line of CELL_OS_JSONL_EVENTS is on disk before the next"},
          [](std::string_view text, SettingsDraft& draft) {
            return Choose(text, draft.mirror.sync,
                          std::array{std::pair{std::string_view("none"), JsonLinesSync::kNone},
                                     std::pair{std::string_view("each"), JsonLinesSync::kEach}});
          }},
    Entry{{"spool_dir", "DIR", "", "A durable spool in front of the server; is made. Not set: none"},
          [](std::string_view text, SettingsDraft& draft) { return Text(text, draft.spool.directory); }},
    Entry{{"spool_sync", "each|interval|none", "each",
           "An event is taken when the disk has it, when the kernel has it and the disk soon, or the kernel"},
          [](std::string_view text, SettingsDraft& draft) {
            return Choose(text, draft.spool.sync,
                          std::array{std::pair{std::string_view("each"), SpoolSync::kEach},
                                     std::pair{std::string_view("interval"), SpoolSync::kInterval},
                                     std::pair{std::string_view("none"), SpoolSync::kNone}});
          }},
    Entry{{"spool_sync_interval", "DURATION", "100ms", "How soon, with spool_sync=interval"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.spool.sync_interval, milliseconds(1));
          }},
    Entry{{"spool_segment_bytes", "SIZE", "64MiB", "A file of the spool; deleted when all of it is delivered"},
          [](std::string_view text, SettingsDraft& draft) { return Size(text, draft.spool.segment_bytes, 1); }},
    Entry{{"spool_max_bytes", "SIZE", "1GiB", "Bytes of events that are not delivered"},
          [](std::string_view text, SettingsDraft& draft) { return Size(text, draft.spool.max_bytes, 1); }},
    Entry{{"spool_full", "block|fail|drop_oldest", "block",
           "An event for which the spool has no room waits, is refused, or costs the oldest ones"},
          [](std::string_view text, SettingsDraft& draft) {
            return Choose(text, draft.spool.policy,
                          std::array{std::pair{std::string_view("block"), FullPolicy::kBlock},
                                     std::pair{std::string_view("fail"), FullPolicy::kFail},
                                     std::pair{std::string_view("drop_oldest"), FullPolicy::kDropOldest}});
          }},
    Entry{{"spool_block_for", "DURATION", "5s", "How long it waits, with spool_full=block"},
          [](std::string_view text, SettingsDraft& draft) {
            return Duration(text, draft.spool.block_for, milliseconds(0));
          }},
    Entry{{"spool_window", "N", "256",
           "Events of the spool that are sent and not acknowledged; with 1 they keep their order whatever happens"},
          [](std::string_view text, SettingsDraft& draft) { return Count(text, draft.spool.window, 1); }},
};
// clang-format on

constexpr auto kOptions = [] {
  std::array<SinkOption, kEntries.size()> options;
  std::ranges::transform(kEntries, options.begin(), &Entry::option);
  return options;
}();

}  // namespace

std::span<const SinkOption> SinkOptions() { return kOptions; }

std::string VariableOf(const SinkOption& option) {
  std::string name = "EVSINK_";
  for (const char c : option.name) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::string ApplyOption(std::string_view name, std::string_view text, SettingsDraft& draft) {
  return std::ranges::find(kEntries, name, [](const Entry& entry) { return entry.option.name; })
      ->apply(text, draft);
}

}  // namespace jammi::events

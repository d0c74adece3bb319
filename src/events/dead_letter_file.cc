#include "events/dead_letter_file.h"

#include <fmt/format.h>

#include <charconv>

#include "base/hash.h"
#include "events/findings.h"
#include "events/json_reader.h"
#include "events/json_write.h"
#include "jammi/events/text_redaction.h"

namespace jammi::events {
namespace {

constexpr std::string_view kSuffix = ".jsonl";
constexpr size_t kMaxIdBytes = 200;
constexpr size_t kHashDigits = 8;
// An event may be nested 127 deep; the letter adds one level.
constexpr int kLetterNesting = 128;

bool StandsInName(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

// One '_' for each character, however many bytes it has.
std::string IdPart(std::string_view id) {
  std::string part;
  for (const char c : id) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!continues) part += StandsInName(c) ? c : '_';
  }
  if (part.empty()) return "_";
  if (part.size() <= kMaxIdBytes) return part;
  // Ids that begin alike get different names.
  part.resize(kMaxIdBytes - kHashDigits);
  return part + Sha256Hex(id).substr(0, kHashDigits);
}

}  // namespace

std::string DeadLetterName(int64_t unix_ms, std::string_view id, uint32_t clash) {
  const std::string part = IdPart(id);
  return clash == 0 ? fmt::format("{}-{}{}", unix_ms, part, kSuffix)
                    : fmt::format("{}-{}-{}{}", unix_ms, part, clash, kSuffix);
}

std::optional<int64_t> DeadLetterTime(std::string_view name) {
  int64_t unix_ms = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), unix_ms);
  const std::string_view rest = name.substr(static_cast<size_t>(end - name.data()));
  if (error != std::errc() || unix_ms < 0 || name.starts_with('-') || !rest.starts_with('-') ||
      !rest.ends_with(kSuffix)) {
    return std::nullopt;
  }
  return unix_ms;
}

Result<std::string> DeadLetterText(const Event& event, std::string_view error) {
  // The members of the event are sorted by their names, which its written form does not do.
  JAMMI_ASSIGN(const JsonData sorted, JsonData::Parse(Serialise(event)));
  std::string text = "{\"error\":";
  AppendQuoted(text, "event sink: " + RedactUrlCredentials(error));
  text += ",\"event\":";
  text += sorted.text();
  text += "}\n";
  return text;
}

Result<Event> ParseDeadLetter(std::string_view text) {
  JsonReader reader(text, kLetterNesting);
  std::string name;
  std::string_view value;
  std::optional<std::string_view> event;
  if (reader.EnterObject()) {
    while (reader.NextMember(name) && reader.ReadRaw(value)) {
      if (name == "event") event = value;
    }
  }
  if (!reader.fault()) static_cast<void>(reader.AtEnd());
  if (reader.fault()) return InvalidEvent(EventFault::kNotJson, "", "not a dead letter: " + *reader.fault());
  if (!event)
    return InvalidEvent(EventFault::kMissingAttribute, "event", "not a dead letter: it has no event");
  return ParseEvent(*event);
}

}  // namespace jammi::events

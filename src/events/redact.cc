#include "jammi/events/redact.h"

#include <algorithm>

#include "base/text.h"
#include "events/json_write.h"
#include "events/written_scan.h"

namespace jammi::events {
namespace {

std::string_view ReplacementFor(char first_of_value) {
  if (first_of_value == '{') return "{}";
  if (first_of_value == '[') return R"(["[redacted]"])";
  return R"("[redacted]")";
}

}  // namespace

RedactNames::RedactNames(std::vector<std::string> names) : names_(std::move(names)) {
  for (const auto& name : names_) {
    AppendEscapedText(written_.emplace_back(), name);
    sizes_ |= uint64_t{1} << (written_.back().size() % 64);
  }
}

bool RedactNames::Lists(std::string_view written) const {
  if ((sizes_ >> (written.size() % 64) & 1) == 0) return false;
  return std::ranges::find(written_, written) != written_.end();
}

// In the written form a string with a colon behind it is a member's name, and no other string is: one look at
// each string is enough, at whatever depth it stands.
std::optional<JsonData> Redact(const JsonData& data, const RedactNames& names) {
  const std::string_view text = data.text();
  std::string out;
  size_t copied = 0;
  for (size_t quote = text.find('"'); quote != std::string_view::npos;) {
    const size_t end = StringEnd(text, quote + 1);
    const size_t value = end + 2;
    if (value < text.size() && text[end + 1] == ':' && names.Lists(text.substr(quote + 1, end - quote - 1))) {
      if (copied == 0) out.reserve(text.size() + 64);
      out.append(text, copied, value - copied);
      out += ReplacementFor(text[value]);
      copied = ValueEnd(text, value);
      quote = text.find('"', copied);
    } else {
      quote = text.find('"', std::min(end + 1, text.size()));
    }
  }
  if (copied == 0) return std::nullopt;
  out.append(text, copied);
  return JsonData::FromWritten(std::move(out));
}

namespace {

// nullopt: the event is to stay as it is, and needs no copy.
std::optional<Event> RedactedCopy(const Event& event, const RedactNames& names) {
  const auto* data = std::get_if<JsonData>(&event.payload);
  auto redacted = data == nullptr ? std::nullopt : Redact(*data, names);
  if (!redacted) return std::nullopt;
  return Event{.specversion = event.specversion,
               .id = event.id,
               .source = event.source,
               .type = event.type,
               .datacontenttype = event.datacontenttype,
               .dataschema = event.dataschema,
               .subject = event.subject,
               .time = event.time,
               .traceparent = event.traceparent,
               .extensions = event.extensions,
               .payload = std::move(*redacted)};
}

}  // namespace

Event Redact(const Event& event, const RedactNames& names) {
  return RedactedCopy(event, names).value_or(event);
}

RedactNamesText ParseRedactNames(std::string_view text) {
  static constexpr std::string_view kDefaults = "defaults";
  if (AsciiLower(Trim(text)) == kDefaults)
    return {.names = RedactNames({"argv", "path", "reason"}), .warnings = {}};
  std::vector<std::string> names;
  std::vector<std::string> warnings;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view name = Trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (name.empty()) continue;
    if (AsciiLower(name) == kDefaults) {
      warnings.emplace_back(
          "\"defaults\" stands for argv, path and reason only when it stands alone; in a list it is a name "
          "like "
          "others, and those three are not redacted");
    }
    names.emplace_back(name);
  }
  return {.names = RedactNames(std::move(names)), .warnings = std::move(warnings)};
}

// --- RedactingSink

RedactingSink::RedactingSink(std::shared_ptr<EventSink> inner, RedactNames names)
    : inner_(std::move(inner)), names_(std::move(names)) {}

Result<void> RedactingSink::Emit(const Event& event) {
  const auto copy = RedactedCopy(event, names_);
  return inner_->Emit(copy ? *copy : event);
}

void RedactingSink::EmitAsync(const Event& event, Done done) {
  const auto copy = RedactedCopy(event, names_);
  inner_->EmitAsync(copy ? *copy : event, std::move(done));
}

Result<void> RedactingSink::Flush(Deadline deadline) { return inner_->Flush(deadline); }

Result<void> RedactingSink::Close(Deadline deadline) { return inner_->Close(deadline); }

}  // namespace jammi::events

#include "jammi/events/content_mode.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/text.h"
#include "events/attribute_rules.h"
#include "events/base64_url.h"
#include "events/findings.h"

namespace jammi::events {
namespace {

constexpr std::string_view kAttributePrefix = "ce-";
constexpr std::string_view kAnyStructured = "application/cloudevents";
constexpr std::string_view kUpperHexDigits = "0123456789ABCDEF";

// Space, `"`, `%` and all that is not printable ASCII.
std::string PercentEncoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c > 0x20 && c < 0x7f && c != '"' && c != '%') {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kUpperHexDigits[byte >> 4];
    out += kUpperHexDigits[byte & 15];
  }
  return out;
}

int AnyHexValue(char c) {
  if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  const size_t value = kUpperHexDigits.find(c);
  return value == std::string_view::npos ? -1 : static_cast<int>(value);
}

// nullopt: a percent sign without two digits, or what comes out is no UTF-8.
std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? AnyHexValue(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? AnyHexValue(text[at + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    at += 2;
  }
  if (!IsValidUtf8(out)) return std::nullopt;
  return out;
}

std::string TextOf(const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return std::to_string(std::get<int32_t>(value));
}

}  // namespace

EncodedEvent EncodeStructured(const Event& event) {
  return {.payload = Serialise(event),
          .headers = {{std::string(kContentTypeHeader), std::string(kStructuredContentType)}}};
}

EncodedEvent EncodeBinary(const Event& event) {
  EncodedEvent out;
  const auto add = [&out](const std::string& name, const std::optional<std::string>& value) {
    if (value) out.headers.emplace_back(std::string(kAttributePrefix) + name, PercentEncoded(*value));
  };
  const auto* json = std::get_if<JsonData>(&event.payload);
  add("specversion", event.specversion);
  add("id", event.id);
  add("source", event.source);
  add("type", event.type);
  add("datacontenttype",
      json != nullptr && !event.datacontenttype ? "application/json" : event.datacontenttype);
  add("dataschema", event.dataschema);
  add("subject", event.subject);
  add("time", event.time);
  add("traceparent", event.traceparent);
  for (const auto& [name, value] : event.extensions) add(name, TextOf(value));
  if (json != nullptr) out.payload = json->text();
  if (const auto* text = std::get_if<TextData>(&event.payload)) out.payload = text->text;
  if (const auto* binary = std::get_if<BinaryData>(&event.payload)) out.payload = binary->bytes;
  return out;
}

// --- Decoding

namespace {

// The attribute `name` of the standard; nullptr: it is an extension.
std::string* Attribute(Event& event, std::string_view name) {
  if (name == "specversion") return &event.specversion;
  if (name == "id") return &event.id;
  if (name == "source") return &event.source;
  if (name == "type") return &event.type;
  if (name == "datacontenttype") return &event.datacontenttype.emplace();
  if (name == "dataschema") return &event.dataschema.emplace();
  if (name == "subject") return &event.subject.emplace();
  if (name == "time") return &event.time.emplace();
  if (name == "traceparent") return &event.traceparent.emplace();
  return nullptr;
}

bool IsTextMediaType(const std::optional<std::string>& media_type) {
  const std::string lower = AsciiLower(Trim(std::string_view(*media_type).substr(0, media_type->find(';'))));
  return lower.starts_with("text/") || lower.ends_with("/xml") || lower.ends_with("+xml");
}

// What the bytes are by their media type. Said to be JSON and none: taken as bytes, it would pass whoever
// looks for names in JSON.
Payload PayloadOf(std::string_view bytes, const std::optional<std::string>& media_type,
                  std::vector<EventFinding>& findings) {
  if (bytes.empty()) return {};
  if (IsJsonMediaType(media_type)) {
    auto json = JsonData::Parse(bytes);
    if (json) return std::move(*json);
    findings.push_back(json.error().As<SinkDetail>()->findings.front());
    return {};
  }
  if (IsTextMediaType(media_type) && IsValidUtf8(bytes)) return TextData{std::string(bytes)};
  return BinaryData{std::string(bytes)};
}

Result<Event> DecodeBinary(std::string_view payload,
                           const std::vector<std::pair<std::string, std::string>>& headers) {
  static constexpr std::array<std::string_view, 4> kRequired = {"specversion", "id", "source", "type"};
  Event event{.specversion = ""};
  std::vector<EventFinding> findings;
  std::vector<std::string> seen;
  const auto found = [&findings](EventFault fault, std::string_view name, std::string message) {
    findings.push_back({.fault = fault, .attribute = std::string(name), .message = std::move(message)});
  };
  for (const auto& [header, value] : headers) {
    std::string name = AsciiLower(header);
    if (!name.starts_with(kAttributePrefix)) continue;
    name.erase(0, kAttributePrefix.size());
    if (std::ranges::find(seen, name) != seen.end())
      found(EventFault::kDuplicateMember, name, "is there twice");
    seen.push_back(name);
    auto text = PercentDecoded(value);
    if (!text) found(EventFault::kBadStringChar, name, "is not percent-encoded UTF-8");
    if (std::string* attribute = Attribute(event, name)) {
      *attribute = std::move(text).value_or("");
    } else {
      event.extensions[name] = std::move(text).value_or("");
    }
  }
  for (const auto name : kRequired) {
    if (std::ranges::find(seen, name) == seen.end()) found(EventFault::kMissingAttribute, name, "is missing");
  }
  event.payload = PayloadOf(payload, event.datacontenttype, findings);
  for (auto& finding : Validate(event)) {
    if (std::ranges::find(findings, finding.attribute, &EventFinding::attribute) == findings.end()) {
      findings.push_back(std::move(finding));
    }
  }
  if (!findings.empty()) return InvalidEvent(std::move(findings));
  return event;
}

}  // namespace

Result<Event> Decode(std::string_view payload,
                     const std::vector<std::pair<std::string, std::string>>& headers) {
  bool has_attributes = false;
  for (const auto& [header, value] : headers) {
    const std::string name = AsciiLower(header);
    has_attributes = has_attributes || name.starts_with(kAttributePrefix);
    if (name != AsciiLower(kContentTypeHeader)) continue;
    const std::string type = AsciiLower(Trim(std::string_view(value).substr(0, value.find(';'))));
    if (type == kStructuredContentType || type == kAnyStructured) return ParseEvent(payload);
    if (type.starts_with(kAnyStructured)) {
      return InvalidEvent(EventFault::kBadMediaType, "", "its Content-Type is another format than JSON");
    }
  }
  return has_attributes ? DecodeBinary(payload, headers) : ParseEvent(payload);
}

std::string MessageId(const Event& event) {
  std::string text = event.source;
  text += '\0';
  text += event.id;
  const Sha256Digest digest = Sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  return ToBase64Url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace jammi::events
